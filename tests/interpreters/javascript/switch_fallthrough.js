const kind = (x) => {
  switch (true) {
    case x < 0: return "negative";
    case x === 0: return "zero";
    case x > 100: { const big = "big"; return big; }
    default: return "some";
  }
};
const days = (m) => { switch (m) { case 2: return 28; case 4: case 6: case 9: case 11: return 30; default: return 31; } };
[[-1, 0, 5, 500].map(kind), [1, 2, 4].map(days)];
