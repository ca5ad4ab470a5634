# Reads YAML files with Psych and prints one tagged value a file, as tagging.py has it.
require "json"
require "psych"

def tagged(value)
  case value
  when nil, true, false, String then value
  when Integer, Float then { number: value.to_s }
  when Array then value.map { |one| tagged(one) }
  when Hash then { members: value.map { |key, one| [tagged(key), tagged(one)] } }
  else { other: value.class.name }
  end
end

found = ARGV.map do |path|
  { read: tagged(Psych.safe_load(File.read(path, encoding: "UTF-8"))) }
rescue Psych::Exception => error
  { failed: error.message }
end
puts JSON.generate(found, max_nesting: false)
