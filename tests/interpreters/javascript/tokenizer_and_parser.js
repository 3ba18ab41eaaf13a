function evaluate(src) {
  const tokens = src.match(/\d+(?:\.\d+)?|[-+*/()]/g);
  let i = 0;
  const expr = () => { let v = term(); while (tokens[i] === "+" || tokens[i] === "-") v = tokens[i++] === "+" ? v + term() : v - term(); return v; };
  const term = () => { let v = factor(); while (tokens[i] === "*" || tokens[i] === "/") v = tokens[i++] === "*" ? v * factor() : v / factor(); return v; };
  const factor = () => { if (tokens[i] === "-") { i++; return -factor(); } if (tokens[i] === "(") { i++; const v = expr(); i++; return v; } return +tokens[i++]; };
  return expr();
}
["1+2*3", "(1+2)*3", "-(4-10)/3", "2*(3+(4-1))*2", "10/4"].map(evaluate);
