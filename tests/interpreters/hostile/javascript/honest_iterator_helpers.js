// verdict: ok
// value: [9,25,49,81]
function* naturals() { for (let i = 1; ; i++) yield i; }
naturals().filter((x) => x % 2).map((x) => x * x).drop(1).take(4).toArray();
