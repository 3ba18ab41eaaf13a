let r;
Promise.any([Promise.reject(new Error("a")), Promise.reject(new TypeError("b"))])
  .catch((e) => [e.name, e.errors.map((x) => `${x.name}:${x.message}`)]);
