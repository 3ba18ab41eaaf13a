class Emitter {
  #on = new Map();
  on(e, f) { (this.#on.get(e) ?? this.#on.set(e, new Set()).get(e)).add(f); return () => this.#on.get(e).delete(f); }
  emit(e, ...a) { return [...(this.#on.get(e) ?? [])].map((f) => f(...a)); }
}
const e = new Emitter();
const off = e.on("x", (n) => n + 1);
e.on("x", (n) => n * 2);
const first = e.emit("x", 10);
off();
[first, e.emit("x", 10), e.emit("nothing")];
