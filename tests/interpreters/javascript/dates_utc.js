const d = new Date(Date.UTC(2024, 1, 29, 12, 30, 45, 678));
const next = new Date(d); next.setUTCFullYear(2025);
const days = (a, b) => Math.round((b - a) / 864e5);
[d, d.toISOString(), d.getTime(), d.getUTCDay(), next.toISOString(), days(Date.UTC(2024, 0, 1), Date.UTC(2025, 0, 1)),
  new Date("2024-02-30T00:00:00Z").getTime() || "invalid", new Date("nonsense").getTime(), Date.parse("2024-06-01"),
  JSON.stringify({ d }), new Date(8.64e15 + 1).getTime()];
