'use strict';

// A mocha reporter that appends each test's outcome to the file that RECORD names, in the form that `pytest_record.py` describes.
// Tests that the file already names are skipped, unless its reader has added `["again", id]`.

const fs = require('node:fs');
const path = require('node:path');
const mocha = require(require.resolve('mocha', { paths: [process.cwd()] }));

const { EVENT_TEST_BEGIN, EVENT_TEST_PASS, EVENT_TEST_FAIL, EVENT_TEST_PENDING, EVENT_RUN_END } = mocha.Runner.constants;
const FILE = process.env.RECORD;

function write(...line) {
  fs.appendFileSync(FILE, JSON.stringify(line) + '\n');
}

function known() {
  const tests = new Set();
  for (const line of fs.existsSync(FILE) ? fs.readFileSync(FILE, 'utf8').split('\n').filter(Boolean) : []) {
    const [kind, id] = JSON.parse(line);
    if (kind === 'again') tests.delete(id);
    else tests.add(id);
  }
  return tests;
}

function names(test) {
  const file = path.relative(process.cwd(), test.file || '');
  return [`${file}::${test.fullTitle()}`, file, test.fullTitle()];
}

class Recorder {
  constructor(runner) {
    const before = known();
    leave(runner.suite, before);
    const done = test => before.has(names(test)[0]);
    runner.on(EVENT_TEST_BEGIN, test => !done(test) && write('started', ...names(test)));
    runner.on(EVENT_TEST_PASS, test => write('outcome', ...names(test), 'passed', '', '', (test.duration || 0) / 1000));
    runner.on(EVENT_TEST_PENDING, test => !done(test) && write('outcome', ...names(test), 'skipped', reason(test), '', 0));
    runner.on(EVENT_TEST_FAIL, (test, error) => {
      const kind = test.type === 'hook' ? 'error' : 'failed';
      write('outcome', ...names(test), kind, String((error && error.message) || error).slice(0, 1000), String((error && error.stack) || '').slice(0, 4000), (test.duration || 0) / 1000);
    });
    runner.on(EVENT_RUN_END, () => write('finished', 0));
  }
}

// Remove the tests that have run before, and the suites that are then empty.
function leave(suite, before) {
  suite.tests = suite.tests.filter(test => !before.has(names(test)[0]));
  for (const inner of suite.suites) leave(inner, before);
  suite.suites = suite.suites.filter(inner => inner.total() > 0);
}

function reason(test) {
  return String(test.skipReason || (test.metadata && test.metadata.skipReason) || 'skipped by the suite').replace(/\u001b\[\d+m/g, '').slice(0, 300);
}

module.exports = Recorder;
