// verdict: ok
// value: []
["std", "os", "bjson", "load", "print", "scriptArgs", "Worker", "WebAssembly", "require", "process", "Deno", "Bun", "XMLHttpRequest", "WebSocket", "EventSource", "native", "module", "values", "sandpool"].filter((n) => n in globalThis);
