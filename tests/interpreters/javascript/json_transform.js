const orders = [{ id: 1, user: "a", items: [{ sku: "x", qty: 2, price: 9.99 }, { sku: "y", qty: 1, price: 5 }] }, { id: 2, user: "b", items: [{ sku: "x", qty: 1, price: 9.99 }] }, { id: 3, user: "a", items: [] }];
const totals = orders.map(({ items, ...o }) => ({ ...o, total: Math.round(items.reduce((s, i) => s + i.qty * i.price, 0) * 100) / 100 }));
const byUser = totals.reduce((acc, { user, total }) => ({ ...acc, [user]: (acc[user] ?? 0) + total }), {});
const skus = Object.entries(orders.flatMap((o) => o.items).reduce((m, { sku, qty }) => ({ ...m, [sku]: (m[sku] ?? 0) + qty }), {}));
({ totals, byUser, skus });
