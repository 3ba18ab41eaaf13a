const f = new Float64Array([1.5, 2.5, -0.5]);
const view = new DataView(new ArrayBuffer(8));
view.setInt16(0, -2); view.setFloat32(4, 1.25, true);
const u8 = new Uint8Array(view.buffer);
const clamped = Uint8ClampedArray.from([300, -5, 127.5]);
[Array.from(f.map((x) => x * 2)), u8, Array.from(clamped), Array.from(new Int8Array([127, 128, 255])),
  f.subarray(1).length, view.getInt16(0), new Uint16Array(u8.buffer, 4, 2).byteLength];
