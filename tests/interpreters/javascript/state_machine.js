const machine = { idle: { start: "running" }, running: { pause: "paused", stop: "idle" }, paused: { start: "running", stop: "idle" } };
const run = (events, s = "idle") => events.reduce((acc, e) => { const n = machine[acc.at(-1)][e]; return n ? [...acc, n] : acc; }, [s]);
run(["start", "pause", "jump", "start", "stop"]);
