const found = [];
outer: for (let i = 0; i < 5; i++) {
  for (let j = 0; j < 5; j++) {
    if (j === 3) continue outer;
    if (i === 2) break outer;
    found.push(i * 10 + j);
  }
}
block: { found.push("in"); if (found.length) break block; found.push("never"); }
found;
