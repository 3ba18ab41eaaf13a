// verdict: ok
// value: 5
for (const k of Object.getOwnPropertyNames(globalThis)) try { delete globalThis[k]; } catch {}
5;
