import sqlite3

db = sqlite3.connect(":memory:")
db.row_factory = sqlite3.Row
db.executescript("create table t (id integer primary key, name text, score real); create index i on t(name);")
db.executemany("insert into t (name, score) values (?, ?)", [("ann", 1.5), ("bob", None), ("cid", 3)])
db.create_function("twice", 1, lambda x: None if x is None else x * 2)
with db:
    db.execute("update t set score = 9 where name = :n", {"n": "bob"})
try:
    with db:
        db.execute("insert into t (id) values (1)")
except sqlite3.IntegrityError as e:
    failed = "UNIQUE" in str(e)
[
    [dict(r) for r in db.execute("select name, twice(score) s from t order by s desc")],
    db.execute("select count(*), avg(score), max(name) from t").fetchone()[0:3],
    db.execute("with recursive c(x) as (select 1 union all select x + 1 from c where x < 5) select sum(x) from c").fetchone()[0],
    failed,
]
