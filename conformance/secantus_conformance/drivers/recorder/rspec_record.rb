# frozen_string_literal: true

# An RSpec formatter that appends each example's outcome to the file that RECORD names, in the form that `pytest_record.py` describes.
# Examples that the file already names are skipped, unless its reader has added `["again", id]`.

require 'json'
require 'rspec/core'

# The formatter; its lines are complete at once, so that the suite can be killed and resumed.
class RspecRecord
  RSpec::Core::Formatters.register self, :example_started, :example_passed, :example_failed, :example_pending, :dump_summary

  FILE = ENV.fetch('RECORD')

  def self.known
    return {} unless File.exist?(FILE)

    File.readlines(FILE).each_with_object({}) do |line, tests|
      kind, id = JSON.parse(line)
      kind == 'again' ? tests.delete(id) : tests[id] = true
    end
  end

  def initialize(_output); end

  def example_started(notification)
    write('started', *names(notification.example))
  end

  def example_passed(notification)
    outcome(notification.example, 'passed', '', '')
  end

  def example_failed(notification)
    error = notification.exception
    outcome(notification.example, 'failed', "#{error.class}: #{error.message}", (error.backtrace || []).join("\n"))
  end

  def example_pending(notification)
    outcome(notification.example, 'skipped', notification.example.execution_result.pending_message.to_s, '')
  end

  def dump_summary(summary)
    write('finished', 0) if summary.errors_outside_of_examples_count.zero?
  end

  private

  def outcome(example, verdict, message, text)
    seconds = example.execution_result.run_time || 0
    write('outcome', *names(example), verdict, clean(message)[0, 1000], clean(text)[0, 4000], seconds)
  end

  def names(example)
    [example.id, example.metadata[:rerun_file_path], clean(example.full_description)]
  end

  def clean(text)
    text.dup.force_encoding('UTF-8').scrub.strip
  end

  def write(*line)
    File.open(FILE, 'a') { |file| file.puts(JSON.generate(line)) }
  end
end

RSpec.configure do |config|
  known = RspecRecord.known
  config.define_derived_metadata do |metadata|
    metadata[:recorded] = true if known["#{metadata[:rerun_file_path]}[#{metadata[:scoped_id]}]"]
  end
  config.filter_run_excluding(recorded: true)
end
