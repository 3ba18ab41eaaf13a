const bytes = new TextEncoder().encode("héllo €😀");
const cut = new TextDecoder();
[bytes, new TextDecoder().decode(bytes), new TextEncoder().encode("\ud800"), new TextDecoder().decode(new Uint8Array([0xef, 0xbb, 0xbf, 65, 0xff])), cut.decode(bytes.subarray(0, 2), { stream: true }) + cut.decode(bytes.subarray(2)), new TextDecoder("utf-16le").decode(new Uint8Array([65, 0, 172, 32])), new TextEncoder().encodeInto("a€b", new Uint8Array(3))];
