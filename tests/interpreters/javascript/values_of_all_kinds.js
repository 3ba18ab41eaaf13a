({
  undefined: undefined, null: null, nan: NaN, inf: [Infinity, -Infinity], zero: -0, big: 2n ** 70n, small: 5n, bytes: new Uint8Array([0, 1, 254, 255]),
  date: new Date(Date.UTC(2020, 1, 3)), map: new Map([["a", 1], [2, [3]], [{ k: 1 }, new Set([1])]]), set: new Set(["x", { y: 1 }]), text: "é😀\u0000",
  nested: [[[]], {}], float: 0.1 + 0.2, large: 1e21, tiny: 5e-324, buffer: new ArrayBuffer(2), floats: new Float32Array([0.5]),
});
