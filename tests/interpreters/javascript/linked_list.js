class Node { constructor(v, next = null) { this.v = v; this.next = next; } }
class List {
  head = null; size = 0;
  static from(it) { const l = new List(); for (const x of [...it].reverse()) l.push(x); return l; }
  push(v) { this.head = new Node(v, this.head); this.size++; }
  reverse() { let p = null; for (let n = this.head; n; ) [n.next, p, n] = [p, n, n.next]; this.head = p; return this; }
  *[Symbol.iterator]() { for (let n = this.head; n; n = n.next) yield n.v; }
}
const l = List.from("abcd");
[[...l], [...l.reverse()], l.size];
