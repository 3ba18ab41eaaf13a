const trace = [];
Promise.reject(new Error("first"))
  .then(() => trace.push("skipped"))
  .catch((e) => { trace.push(e.message); return "recovered"; })
  .finally(() => trace.push("finally"))
  .then((v) => { trace.push(v); throw "again"; })
  .then(null, (e) => trace.push(e))
  .then(() => trace);
