// Reads env files with npm's dotenv, as `node read_env.mjs FILE`; without a file it prints what node --env-file set.
import { readFileSync } from "node:fs";

import dotenv from "dotenv";

const [path] = process.argv.slice(2);
const found = path === undefined ? process.env : dotenv.parse(readFileSync(path));
process.stdout.write(JSON.stringify(found));
