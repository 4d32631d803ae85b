// Builds the demo page: `npm ci` here, then `node build.mjs FOLDER [MODEL]`.
//
// Browsers refuse a page that was opened from disk to fetch its neighbours or to import modules from them. The runtime,
// its WebAssembly and the network are therefore written as text into one script, zipped.
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const here = dirname(fileURLToPath(import.meta.url));
const [folder, model = join(here, "digits.onnx")] = process.argv.slice(2);
if (folder === undefined) {
  console.error("usage: node build.mjs FOLDER [MODEL]");
  process.exit(2);
}

const dist = join(here, "node_modules", "onnxruntime-web", "dist");
const files = {
  runtime: join(dist, "ort.wasm.bundle.min.mjs"),
  wasm: join(dist, "ort-wasm-simd-threaded.wasm"),
  model,
};

mkdirSync(folder, { recursive: true });
const entries = Object.entries(files).map(([name, path]) => [name, gzipSync(readFileSync(path)).toString("base64")]);
writeFileSync(join(folder, "bundle.js"), `const SKDIGITS_BUNDLE = ${JSON.stringify(Object.fromEntries(entries))};\n`);
for (const name of ["index.html", "style.css", "prepare.js", "demo.js"]) cpSync(join(here, name), join(folder, name));
