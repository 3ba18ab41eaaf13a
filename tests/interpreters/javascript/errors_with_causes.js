class ParseError extends Error {
  constructor(message, options) { super(message, options); this.name = "ParseError"; }
}
function parse(text) {
  try { return JSON.parse(text); }
  catch (e) { throw new ParseError(`bad input: ${text}`, { cause: e }); }
}
let r;
try { parse("{oops"); } catch (e) {
  r = [e.name, e.message, e.cause instanceof SyntaxError, e instanceof ParseError, e instanceof Error, `${e}`];
}
r;
