// verdict: ok
// value: [1,"x"]
globalThis.JSON = globalThis.Map = globalThis.Error = globalThis.TypeError = globalThis.Object = globalThis.Array = undefined;
[1, "x"];
