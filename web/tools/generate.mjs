// Writes src/api/schema.gen.ts from api/openapi.json. With --check it only compares, and fails
// when the committed file is stale.

import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import openapiTypescript, { astToString } from "openapi-typescript";

const source = new URL("../../api/openapi.json", import.meta.url);
const target = new URL("../src/api/schema.gen.ts", import.meta.url);

const head = "// Generated from api/openapi.json. Do not edit. Write again: npm run generate\n\n";
const wanted = head + astToString(await openapiTypescript(source));

if (process.argv.includes("--check")) {
  const committed = await readFile(target, "utf8").catch(() => "");
  if (committed !== wanted) {
    console.error(`${fileURLToPath(target)} does not match api/openapi.json: run npm run generate`);
    process.exit(1);
  }
} else {
  await writeFile(target, wanted);
}
