function endless(n) { return 1 + endless(n + 1); }
let name, again = 0;
try { endless(0); } catch (e) { name = e.name; }
for (let i = 0; i < 3; i++) try { endless(0); } catch (e) { again += e instanceof RangeError; }
[name, again];
