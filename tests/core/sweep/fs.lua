local c = require "aci._fs"
local folder = assert(c.tempdir "sweep")
local path = folder .. "/a/b"
local ok, err = pcall(function()
   assert(c.mkdir(folder .. "/a"))
   assert(c.write(path, ("x"):rep(20000)))
   assert(c.append(path, "y"))
   assert(#assert(c.read(path)) == 20001 and assert(c.stat(path)).size == 20001)
   assert(#assert(c.list(folder)) == 1)
   local lock = assert(c.try_lock(folder .. "/lock"))
   assert(c.try_lock(folder .. "/lock") == false)
   lock:close()
   assert(c.rename(path, folder .. "/c"))
   assert(c.realpath(folder .. "/c"))
end)
local removed, why = c.remove_tree(folder)
if not ok then error(err, 0) end
assert(removed, why)
return c.read(folder), c.list(folder), c.stat(folder), pcall(c.read, folder, { ofset = 1 })
