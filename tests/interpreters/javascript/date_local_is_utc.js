const d = new Date(2024, 0, 15, 10, 20, 30);
[d.toISOString(), d.getTimezoneOffset(), new Date("2024-01-15T10:20:30").getTime() === d.getTime(), d.toString().slice(0, 24), d.toUTCString(), d.getHours(), new Date(99, 0).getFullYear(), d.toDateString()];
