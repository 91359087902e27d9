local errors = require "aci.error"
local fs = require "aci.fs"
local process = require "aci.process"
local secret = require "aci.secret"
local store = require "aci.store"
local task = require "aci.task"

describe("aci.store", function()
   local db

   before_each(function()
      db = assert(store.open ":memory:")
      assert(db:exec "CREATE TABLE t (id INTEGER PRIMARY KEY, v); CREATE TABLE n (name TEXT UNIQUE NOT NULL)")
   end)
   after_each(function() db:close() end)

   local function count() return db:row("SELECT count(*) AS n FROM n").n end

   it("keeps values as they are", function()
      local values = { 0, -1, math.maxinteger, math.mininteger, 9007199254740993, 1.5, -0.1, 1e300, "",
         "text", "zero\0byte", "\xff\xfe not utf-8", ("x"):rep(100000), "12" }
      for i, value in ipairs(values) do
         assert.equal(1, db:run("INSERT INTO t VALUES (?, ?)", i, value))
      end
      for i, value in ipairs(values) do
         local got = db:row("SELECT v FROM t WHERE id = ?", i).v
         assert.equal(value, got)
         assert.equal(math.type(value), math.type(got))
      end
   end)

   it("keeps nil as NULL and booleans as 0 and 1", function()
      db:run("INSERT INTO t VALUES (1, ?), (2, ?), (3, ?)", nil, true, false)
      assert.same({ { id = 1 }, { id = 2, v = 1 }, { id = 3, v = 0 } }, db:rows "SELECT * FROM t ORDER BY id")
      assert.equal(1, db:row("SELECT count(*) AS n FROM t WHERE v IS ?", nil).n)
   end)

   it("keeps a secret a secret", function()
      db:run("INSERT INTO t VALUES (1, ?)", secret.new "token\0x")
      local got = db:row("SELECT v FROM t").v
      assert.equal("<secret>", tostring(got))
      assert.equal("token\0x", secret.reveal(got))
      assert.equal("blob", db:row("SELECT typeof(v) AS t FROM t").t)
   end)

   it("counts changes and gives rows in order", function()
      assert.equal(0, db:run "UPDATE t SET v = 1")
      for i = 1, 5 do db:run("INSERT INTO t VALUES (?, ?)", i, i * i) end
      assert.equal(3, db:run("DELETE FROM t WHERE id > ?", 2))
      assert.equal(0, db:run "CREATE TABLE more (x)")
      assert.same({ { v = 4 }, { v = 1 } }, db:rows "SELECT v FROM t ORDER BY id DESC")
      assert.same({}, db:rows "SELECT v FROM t WHERE id > 9")
      local row, err = db:row "SELECT v FROM t WHERE id > 9"
      assert.is_nil(row)
      assert.is_nil(err)
      assert.equal(7, db:row("INSERT INTO t VALUES (7, 'x') RETURNING id").id)
   end)

   it("gives one error for a taken key, and leaves the store usable", function()
      db:run("INSERT INTO n VALUES ('a')")
      local ok, err = db:run("INSERT INTO n VALUES ('a')")
      assert.is_nil(ok)
      assert.is_true(errors.is(err, "conflict"))
      assert.equal("SQLITE_CONSTRAINT_UNIQUE", err.code)
      assert.truthy(err.message:find("n.name", 1, true))
      assert.equal("SQLITE_CONSTRAINT_NOTNULL", select(2, db:run("INSERT INTO n VALUES (?)", nil)).code)
      assert.equal(1, count())
   end)

   it("raises for wrong SQL and wrong values", function()
      assert.error_matches(function() db:run "SELEC 1" end, 'syntax error')
      assert.error_matches(function() db:row "SELECT * FROM nowhere" end, "no such table")
      assert.error_matches(function() db:run("SELECT ?", 1, 2) end, "1 parameters, got 2 values")
      assert.error_matches(function() db:run("SELECT ?") end, "1 parameters, got 0 values")
      assert.error_matches(function() db:run("SELECT ?", {}) end, "nil, boolean, number, string or secret")
      assert.error_matches(function() db:run "SELECT 1; SELECT 2" end, "one statement")
      assert.error_matches(function() db:run "" end, "one statement")
      assert.error_matches(function() store.open("x", { durabel = true }) end, "did you mean 'durable'")
      assert.equal(1, db:run "INSERT INTO n VALUES ('x'); " )
   end)

   it("is closed once and for all", function()
      local other = assert(store.open ":memory:")
      assert.truthy(tostring(other):find("in memory", 1, true))
      other:close()
      other:close()
      assert.error_matches(function() other:row "SELECT 1" end, "closed")
   end)

   it("prepares many different statements, the same one within itself too", function()
      for i = 1, 300 do
         assert.equal(i, db:row(("SELECT %d + ? - ? AS v"):format(i), 5, 5).v)
      end
      setmetatable({}, { __gc = function() db:rows("SELECT ? AS v", 2) end })
      for _ = 1, 50 do
         assert.same({ { v = 1 } }, db:rows("SELECT ? AS v", 1))
         collectgarbage "step"
      end
   end)

   describe("transaction", function()
      it("keeps what is done, and gives the function's results", function()
         local function insert(x)
            db:run("INSERT INTO n VALUES ('a')")
            return x, nil, 3
         end
         local a, b, c = db:transaction(insert, 1)
         assert.same({ 1, nil, 3 }, { a, b, c })
         assert.is_true(db:transaction(function() end))
         assert.equal(1, count())
      end)

      it("undoes all when an error is raised", function()
         local err = errors.new { kind = "usage", message = "no" }
         local ok, got = pcall(db.transaction, db, function()
            db:run("INSERT INTO n VALUES ('a')")
            error(err)
         end)
         assert.is_false(ok)
         assert.equal(err, got)
         assert.equal(0, count())
         assert.is_true(db:transaction(function() end))
      end)

      it("undoes all when a statement failed, looked at or not", function()
         local ok, err = db:transaction(function()
            db:run("INSERT INTO n VALUES ('a')")
            db:run("INSERT INTO n VALUES ('a')")
            return "done"
         end)
         assert.is_nil(ok)
         assert.equal("conflict", err.kind)
         assert.equal(0, count())
      end)

      it("nests: an inner one is undone alone", function()
         assert.equal("outer", db:transaction(function()
            db:run("INSERT INTO n VALUES ('a')")
            local ok, err = db:transaction(function()
               db:run("INSERT INTO n VALUES ('b')")
               db:run("INSERT INTO n VALUES ('a')")
            end)
            assert.is_nil(ok)
            assert.equal("conflict", err.kind)
            pcall(db.transaction, db, function() db:run("INSERT INTO n VALUES ('c')") error "x" end)
            db:transaction(function() db:run("INSERT INTO n VALUES ('d')") end)
            return "outer"
         end))
         assert.same({ { name = "a" }, { name = "d" } }, db:rows "SELECT name FROM n ORDER BY name")
      end)

      it("holds other tasks off until its end", function()
         local seen = {}
         task.all {
            function()
               db:transaction(function()
                  db:run("INSERT INTO n VALUES ('a')")
                  task.sleep(0.03)
                  db:transaction(function() task.sleep(0.01) end)
                  db:run("INSERT INTO n VALUES ('b')")
                  seen[#seen + 1] = "first"
               end)
            end,
            function()
               task.sleep(0.005)
               local n = count() -- not in the line below: its index is taken first
               seen[#seen + 1] = n
            end,
            function()
               task.sleep(0.005)
               db:transaction(function() seen[#seen + 1] = "second" task.sleep(0.01) end)
            end,
         }
         table.sort(seen, function(a, b) return tostring(a) < tostring(b) end)
         assert.same({ 2, "first", "second" }, seen)
      end)

      it("is undone when its task is canceled", function()
         local child = task.spawn(function()
            db:transaction(function() db:run("INSERT INTO n VALUES ('a')") task.sleep(10) end)
         end)
         task.sleep(0.01)
         child:cancel()
         pcall(child.wait, child)
         assert.equal(0, count())
      end)
   end)

   describe("on disk", function()
      local top

      before_each(function() top = assert(fs.tempdir()) end)
      after_each(function() fs.remove_tree(top) end)

      it("is private, in WAL mode, and there again", function()
         local one = assert(store.open(top .. "/a.db"))
         one:exec "CREATE TABLE t (x)"
         one:run("INSERT INTO t VALUES (?)", 5)
         for _, name in ipairs(fs.list(top)) do assert.equal(384, fs.stat(top .. "/" .. name).mode, name) end
         assert.equal("wal", one:row("PRAGMA journal_mode").journal_mode)
         assert.equal(1, one:row("PRAGMA synchronous").synchronous)
         assert.equal(1, one:row("PRAGMA foreign_keys").foreign_keys)
         one:close()
         local two = assert(store.open(top .. "/a.db", { read_only = true }))
         assert.equal(5, two:row("SELECT x FROM t").x)
         assert.equal("SQLITE_READONLY", select(2, two:run "DELETE FROM t").code)
         two:close()
      end)

      it("says what cannot be opened", function()
         local none, err = store.open(top .. "/no/a.db")
         assert.is_nil(none)
         assert.equal("not_found", err.kind)
         fs.write(top .. "/text", ("not a database"):rep(100))
         local _, bad = store.open(top .. "/text")
         assert.equal("SQLITE_NOTADB", bad.code)
         assert.truthy(bad.message:find(top .. "/text", 1, true))
      end)

      it("gives kind timeout when another one writes for too long", function()
         local one = assert(store.open(top .. "/a.db"))
         local two = assert(store.open(top .. "/a.db", { busy = 0.05 }))
         one:exec "CREATE TABLE t (x)"
         one:transaction(function()
            local ok, err = two:run "INSERT INTO t VALUES (1)"
            assert.is_nil(ok)
            assert.equal("timeout", err.kind)
            assert.equal("SQLITE_BUSY", err.code)
            assert.equal("timeout", select(2, two:transaction(function() end)).kind)
         end)
         assert.equal(1, two:run "INSERT INTO t VALUES (1)")
         one:close()
         two:close()
      end)

      it("loses nothing that was answered when it is killed", function()
         local script = ([[
            local db = assert(require "aci.store".open "%s/a.db")
            db:exec "CREATE TABLE t (x)"
            for i = 1, 1e9 do db:run("INSERT INTO t VALUES (?)", i) print(i) io.stdout:flush() end
         ]]):format(top)
         local options = { args = { process.self(), "-e", script }, stdout = "pipe" }
         local writer <close> = assert(process.spawn(options))
         local last = 0
         for line in writer:lines() do
            last = tonumber(line) or last
            if last == 200 then writer:kill "KILL" end
         end
         writer:wait()
         local db2 = assert(store.open(top .. "/a.db"))
         assert.is_true(last >= 200)
         assert.is_true(db2:row("SELECT max(x) AS x FROM t").x >= last)
         assert.equal("ok", db2:row("PRAGMA integrity_check").integrity_check)
         db2:close()
      end)
   end)
end)
