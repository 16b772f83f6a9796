// Prints the errors and warnings of a document on standard input. Argument: the parser's bundle.
globalThis.self = globalThis; // the bundle is made for browsers, and loads nothing
const Parser = require(process.argv[2]);
const document = require("node:fs").readFileSync(0, "utf8");
new Parser().parse(document).then(({ diagnostics }) => {
  for (const { severity, code, message, path } of diagnostics) {
    if (severity < 2) console.log(`${path.join(".")}: ${message} (${code})`);
  }
});
