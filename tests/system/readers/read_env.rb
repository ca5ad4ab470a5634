# Reads an env file with Ruby's dotenv and prints it as JSON.
require "dotenv"
require "json"

Encoding.default_external = Encoding::UTF_8
puts JSON.generate(Dotenv::Environment.new(ARGV.fetch(0), false).to_h)
