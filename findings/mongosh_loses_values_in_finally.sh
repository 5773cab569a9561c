#!/bin/bash
# @mongosh/async-rewriter2 2.6.0 lets scripts of mongosh call the database without `await`. It loses the value of a function whose `finally` block
# calls the database, if nothing before it had to wait: the function returns null instead of the value after `return`. Closing a session is such
# a call, so `try { return users.countDocuments() } finally { session.endSession() }` returns null. It returns the number if an addition follows
# the call in the `return` statement, or if another call precedes it. Also, a comparison function that calls the database raises an error in
# sort(), but toSorted(), which is newer, returns the array in its old order without an error.
#
# The package's README describes the rewriting of `finally`, and names only constructors and generators as unsupported. The script runs each source
# twice: unchanged with calls that return at once, and rewritten with calls that return a promise with the mark of mongosh's API.
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
npm install --silent --no-audit --no-fund @mongosh/async-rewriter2@2.6.0 > npm.txt
cat > shell.js <<'JS'
const { createContext, runInContext } = require("vm");
const AsyncWriter = require("@mongosh/async-rewriter2").default;

const writer = new AsyncWriter();
const marked = (value) => Object.assign(Promise.resolve(value), { [Symbol.for("@@mongosh.syntheticPromise")]: true });
const sources = [
  "function f() { try { return count(7) } finally { close() } }; f()",
  "function f() { try { return 'text' } finally { close() } }; f()",
  "function f() { try { return count(7) + 0 } finally { close() } }; f()",
  "function f() { count(1); try { return 'text' } finally { close() } }; f()",
  "[3, 1, 2].sort((a, b) => count(a) - count(b))",
  "[3, 1, 2].toSorted((a, b) => count(a) - count(b))",
];

(async () => {
  for (const source of sources) {
    const expected = runInContext(source, createContext({ count: (value) => value, close: () => {} }));
    const context = createContext({ count: marked, close: () => marked() });
    runInContext(writer.runtimeSupportCode(), context);
    let found;
    try {
      found = JSON.stringify(await runInContext(writer.process(source), context));
    } catch (error) {
      found = `error ${error.code}`;
    }
    console.log(`${source}: ${JSON.stringify(expected)}, rewritten: ${found}`);
  }
})();
JS
node shell.js > printed
cat printed
diff printed - <<'EXPECTED'
function f() { try { return count(7) } finally { close() } }; f(): 7, rewritten: null
function f() { try { return 'text' } finally { close() } }; f(): "text", rewritten: null
function f() { try { return count(7) + 0 } finally { close() } }; f(): 7, rewritten: 7
function f() { count(1); try { return 'text' } finally { close() } }; f(): "text", rewritten: "text"
[3, 1, 2].sort((a, b) => count(a) - count(b)): [1,2,3], rewritten: error ASYNC-10012
[3, 1, 2].toSorted((a, b) => count(a) - count(b)): [1,2,3], rewritten: [3,1,2]
EXPECTED
