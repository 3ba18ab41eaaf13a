const addMonths = (iso, n) => { const d = new Date(iso + "T00:00:00Z"); const day = d.getUTCDate(); d.setUTCMonth(d.getUTCMonth() + n, 1);
  const last = new Date(Date.UTC(d.getUTCFullYear(), d.getUTCMonth() + 1, 0)).getUTCDate(); d.setUTCDate(Math.min(day, last)); return d.toISOString().slice(0, 10); };
const isLeap = (y) => new Date(Date.UTC(y, 1, 29)).getUTCMonth() === 1;
const week = (iso) => { const d = new Date(iso + "T00:00:00Z"); d.setUTCDate(d.getUTCDate() + 4 - (d.getUTCDay() || 7)); return Math.ceil(((d - Date.UTC(d.getUTCFullYear(), 0, 1)) / 864e5 + 1) / 7); };
[addMonths("2024-01-31", 1), addMonths("2023-01-31", 1), addMonths("2024-03-15", -3), [1900, 2000, 2023, 2024].map(isLeap), week("2024-12-30"), week("2021-01-03")];
