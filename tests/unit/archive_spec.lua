-- aci.archive: tape archives and gzip, held against GNU tar and gzip.
local archive = require "aci.archive"
local error_ = require "aci.error"
local fs = require "aci.fs"
local process = require "aci.process"

local function run(...)
   local ran = assert(process.run { args = { ... } })
   assert.equal(0, ran.code, ran.stderr)
   return ran.stdout
end

describe("archive.tar", function()
   local folder
   setup(function() folder = assert(fs.tempdir "acihost-tar-") end)
   teardown(function() fs.remove_tree(folder) end)

   local entries = {
      { name = "a/", mode = 448 },
      { name = "a/nul", data = "x\0y", mode = 384, mtime = 1700000000 },
      { name = "a/" .. ("d"):rep(98) .. "/" .. ("f"):rep(100), data = ("z"):rep(513) },
      { name = "empty" },
      { name = "link", type = "link", target = "a/nul" },
   }

   it("is read by GNU tar with names, modes, times and owner", function()
      assert(fs.write(folder .. "/t.tar", archive.tar(entries)))
      local listing = run("tar", "--utc", "--numeric-owner", "-tvf", folder .. "/t.tar")
      assert.matches("drwx%-%-%-%-%-%- 0/0 +0 1970%-01%-01 00:00 a/\n", listing)
      assert.matches("%-rw%-%-%-%-%-%-%- 0/0 +3 2023%-11%-14 22:13 a/nul\n", listing)
      assert.matches("link %-> a/nul\n", listing)
      run("tar", "-xf", folder .. "/t.tar", "-C", folder, "--no-same-owner")
      assert.equal("x\0y", fs.read(folder .. "/a/nul"))
      assert.equal(entries[3].data, fs.read(folder .. "/" .. entries[3].name))
   end)

   it("reads its own archives back", function()
      local read = assert(archive.untar(archive.tar(entries)))
      assert.same({ "directory", "file", "file", "file", "link" },
         { read[1].type, read[2].type, read[3].type, read[4].type, read[5].type })
      assert.same({ name = "a/nul", type = "file", data = "x\0y", mode = 384, mtime = 1700000000 }, read[2])
      assert.equal(entries[3].name, read[3].name)
      assert.equal("", read[4].data)
      assert.equal("a/nul", read[5].target)
      assert.equal(#entries, #read)
   end)

   it("reads what GNU tar writes, ustar and its own format", function()
      assert(fs.write(folder .. "/one", "1"))
      for _, format in ipairs { "ustar", "gnu", "v7" } do
         local path = folder .. "/g.tar"
         run("tar", "--format=" .. format, "-cf", path, "-C", folder, "one")
         local read = assert(archive.untar((fs.read(path))))
         assert.same({ 1, "one", "1" }, { #read, read[1].name, read[1].data }, format)
      end
   end)

   it("names an entry of a type that it does not understand", function()
      run("tar", "--format=pax", "--pax-option=x:=y", "-cf", folder .. "/p.tar", "-C", folder, "one")
      local read, err = archive.untar((fs.read(folder .. "/p.tar")))
      assert.is_nil(read)
      assert.equal("TarType", err.code)
   end)

   it("makes equal bytes of equal entries, in records of 10240", function()
      assert.equal(archive.tar(entries), archive.tar(entries))
      assert.equal(0, #archive.tar(entries) % 10240)
      assert.equal(10240, #archive.tar {})
      assert.same({}, archive.untar(archive.tar {}))
   end)

   it("refuses every archive with one bit of a header changed, or that is cut off", function()
      local good = archive.tar { { name = "f", data = "content" } }
      for at = 1, 345 do
         local bad = good:sub(1, at - 1) .. string.char(good:byte(at) ~ 1) .. good:sub(at + 1)
         local read, err = archive.untar(bad)
         -- blanks and NULs end a number alike
         if read then assert.same({ "f", "content" }, { read[1].name, read[1].data }, at)
         else assert.equal("TarBroken", err.code) end
      end
      for _, length in ipairs { 1, 511, 512, 515 } do
         assert.is_nil(archive.untar(good:sub(1, length)))
      end
      assert.is_nil(archive.untar(("x"):rep(512)))
   end)

   it("raises for what the format cannot hold", function()
      local function tar(entry) return pcall(archive.tar, { entry }) end
      assert.is_false(tar { name = ("n"):rep(101) })
      assert.is_false(tar { name = ("n"):rep(300) })
      assert.is_false(tar { name = "" })
      assert.is_false(tar { name = "l", type = "link", target = ("t"):rep(101) })
      assert.is_false(tar { name = "f", type = "fifo" })
      assert.is_false(tar { name = "f", data = {} })
      assert.is_false(tar { name = "f", date = "x" })
      assert.is_false(tar "f")
   end)
end)

describe("archive.gzip", function()
   it("is read by gzip and reads what gzip writes", function()
      local folder <close> = setmetatable({ path = assert(fs.tempdir "acihost-gzip-") },
         { __close = function(self) fs.remove_tree(self.path) end })
      local path, text = folder.path .. "/f", ("some text\0"):rep(20000)
      for level = 0, 9 do
         assert(fs.write(path .. ".gz", archive.gzip(text, level)))
         assert.equal(text, run("gzip", "-dc", path .. ".gz"))
      end
      assert(fs.write(path, text))
      assert.equal(text, archive.gunzip(run("gzip", "-c", path)))
   end)

   it("holds no name and no time", function()
      assert.equal("\31\139\8\0\0\0\0\0", archive.gzip("x"):sub(1, 8))
      assert.equal(archive.gzip("abc"), archive.gzip("abc"))
   end)

   it("reads nothing, and several members as one", function()
      assert.equal("", archive.gunzip(archive.gzip ""))
      assert.equal("ab", archive.gunzip(archive.gzip "a" .. archive.gzip "b"))
   end)

   it("refuses what is damaged, cut off or no gzip", function()
      local good = archive.gzip(("abc"):rep(1000))
      for _, bad in ipairs { "", "abc", good:sub(1, -2), good .. "x", good:sub(1, -6) .. "\255\255\255\255\255" } do
         local read, err = archive.gunzip(bad)
         assert.is_nil(read)
         assert.is_true(error_.is(err, "invalid"))
         assert.equal("GzipBroken", err.code)
      end
   end)

   it("gives at most as much as allowed", function()
      local bomb = archive.gzip(("\0"):rep(1000000))
      assert.equal(1000000, #archive.gunzip(bomb, 1000000))
      local read, err = archive.gunzip(bomb, 999999)
      assert.is_nil(read)
      assert.equal("GzipTooLarge", err.code)
      assert.equal("GzipTooLarge", select(2, archive.gunzip(archive.gzip "a", 0)).code)
   end)
end)
