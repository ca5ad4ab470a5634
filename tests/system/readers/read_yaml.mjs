// Reads YAML files with the npm reader that is named first, and prints one tagged value a file, as tagging.py has it.
import { readFileSync } from "node:fs";

import * as jsYaml from "js-yaml";
import * as jsYaml4 from "js-yaml-4";
import * as yaml from "yaml";

const options = { maxAliasCount: 0, logLevel: "error" };
const readers = {
  "js-yaml-5": (text) => jsYaml.load(text),
  "js-yaml-5-as-1.1": (text) => jsYaml.load(text, { schema: jsYaml.YAML11_SCHEMA }),
  "js-yaml-4": (text) => jsYaml4.default.load(text),
  "yaml-as-1.2": (text) => yaml.parse(text, { ...options, version: "1.2" }),
  "yaml-as-1.1": (text) => yaml.parse(text, { ...options, version: "1.1" }),
};

function tagged(value) {
  if (value === null || typeof value === "boolean" || typeof value === "string") return value;
  if (typeof value === "number") return { number: Object.is(value, -0) ? "-0.0" : String(value) };
  if (Array.isArray(value)) return value.map(tagged);
  if (Object.getPrototypeOf(value) === Object.prototype || Object.getPrototypeOf(value) === null) {
    return { members: Object.entries(value).map(([key, one]) => [key, tagged(one)]) };
  }
  return { other: Object.prototype.toString.call(value) };
}

const [name, ...paths] = process.argv.slice(2);
const found = paths.map((path) => {
  try {
    return { read: tagged(readers[name](readFileSync(path, "utf8"))) };
  } catch (error) {
    return { failed: String(error) };
  }
});
process.stdout.write(JSON.stringify(found));
