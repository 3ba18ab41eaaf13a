({ plain: { a: 1 }, dollar: { $set: [1] }, both: { $a: 1, b: 2 }, deep: [{ $int: "5" }], inner: { x$: 1 } });
