local c, secret = require "aci._store", require "aci.secret"
local db <close> = assert(c.open ":memory:")
assert(db:exec "CREATE TABLE t (a INTEGER PRIMARY KEY, b)")
assert(db:run("INSERT INTO t VALUES (?, ?)", 1, "x"))
assert(db:run("INSERT INTO t VALUES (?, ?)", 2, secret.new "y"))
local none, err = db:run("INSERT INTO t VALUES (1, 2)")
assert(none == nil)
if err.kind ~= "conflict" then error(err) end
assert(db:take_failure())
assert(#assert(db:rows("SELECT * FROM t WHERE a > ? ORDER BY a", 0)) == 2)
return db:row("SELECT b FROM t WHERE a = ?", 2), pcall(db.run, db, "SELEC"), c.open "/dev/null/none"
