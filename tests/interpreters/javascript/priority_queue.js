class Heap {
  #h = [];
  push(x) { const h = this.#h; h.push(x); for (let i = h.length - 1; i > 0; ) { const p = (i - 1) >> 1; if (h[p] <= h[i]) break; [h[p], h[i]] = [h[i], h[p]]; i = p; } }
  pop() { const h = this.#h, top = h[0], last = h.pop(); if (h.length) { h[0] = last; for (let i = 0; ; ) { let c = 2 * i + 1; if (c >= h.length) break; if (c + 1 < h.length && h[c + 1] < h[c]) c++; if (h[i] <= h[c]) break; [h[i], h[c]] = [h[c], h[i]]; i = c; } } return top; }
  get size() { return this.#h.length; }
}
const q = new Heap();
for (let i = 0; i < 50; i++) q.push((i * 37) % 53);
const out = [];
while (q.size) out.push(q.pop());
out.join(" ");
