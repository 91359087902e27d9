local fs     = require "aci.fs"
local ignore = require "aci.prefect.ignore"
local folder = require "aci.prefect.folder"

-- Patterns, then what they ignore and what they leave; each line as Python's pathspec answers.
local cases = {
   { "*.pyc", "a.pyc d/a.pyc", "a.py a.pyc.txt" },
   { "build/", "build/a x/build/a build/d/a", "build buildx/a" },
   { "build", "build build/a x/build x/build/a", "builds xbuild" },
   { "/build", "build build/a", "x/build" },
   { "a/b", "a/b a/b/c", "x/a/b b" },
   { "a/*", "a/b a/b/c", "a b/a/c" },
   { "a/*/c", "a/b/c", "a/c a/b/b/c" },
   { "a/**/c", "a/c a/b/c a/b/b/c", "x/a/c" },
   { "**/c", "c a/c a/b/c", "cc" },
   { "a/**", "a/b a/b/c", "a b" },
   { "**/", "a/b", "a" },
   { "*.log\n!keep.log", "a.log d/a.log", "keep.log d/keep.log" },
   { "d/\n!d/keep", "d/a", "d/keep" },
   { "# comment\n\n  \n\\#x", "#x", "comment x" },
   { "\\!x", "!x", "x" },
   { "[ab].txt", "a.txt b.txt", "c.txt" },
   { "[!ab].txt", "c.txt", "a.txt" },
   { "[a-c]?", "ax d/bz", "a abc dx" },
   { "a b", "a b", "ab" , spaced = true },
   { "x.y", "x.y", "xzy" },
   { "a%+(b)", "a%+(b)", "ab" },
   { "name   ", "name", "names" },
   { "*", "a a/b .x", "" },
   { "dir/*.py\r", "dir/a.py", "a.py dir/d/a.py" },
}

describe("aci.prefect.ignore", function()
   for _, case in ipairs(cases) do
      it(("reads %q"):format(case[1]), function()
         local ignored = ignore.compile(case[1])
         local pattern = case.spaced and ".+" or "%S+"
         for path in case[2]:gmatch(pattern) do assert.is_true(ignored(path), path) end
         for path in case[3]:gmatch(pattern) do assert.is_false(ignored(path), path) end
      end)
   end
end)

describe("aci.prefect.folder", function()
   local root

   before_each(function()
      root = assert(fs.tempdir "flow-")
      assert(fs.mkdir(root .. "/demo/lib"))
      assert(fs.mkdir(root .. "/demo/__pycache__"))
      for path, text in pairs { ["flow.lua"] = "return 1", ["lib/a.lua"] = "x", ["notes.log"] = "y",
         [".prefectignore"] = "*.log\n", ["__pycache__/a.pyc"] = "z" } do
         assert(fs.write(root .. "/demo/" .. path, text))
      end
   end)
   after_each(function() fs.remove_tree(root) end)

   it("lists what is left, sorted, under a path that names the content", function()
      local found = folder.read(root .. "/demo/")
      local names = {}
      for i, file in ipairs(found.files) do names[i] = file.path end
      assert.same({ ".prefectignore", "flow.lua", "lib/a.lua" }, names)
      assert.matches("^demo%-%x%x%x%x%x%x%x%x%x%x%x%x$", found.path)
      assert.equal(8, found.files[2].size)
   end)

   it("has another path when a byte or a name changes, and else the same", function()
      local first = folder.read(root .. "/demo").path
      assert(fs.write(root .. "/demo/notes.log", "changed"))
      assert.equal(first, folder.read(root .. "/demo").path)
      assert(fs.write(root .. "/demo/flow.lua", "return 2"))
      local second = folder.read(root .. "/demo").path
      assert.are_not.equal(first, second)
      assert(fs.rename(root .. "/demo/lib/a.lua", root .. "/demo/lib/b.lua"))
      assert.are_not.equal(second, folder.read(root .. "/demo").path)
   end)

   it("refuses a folder with nothing to upload", function()
      assert(fs.mkdir(root .. "/empty"))
      assert.has_error(function() folder.read(root .. "/empty") end)
      assert.has_error(function() folder.read(root .. "/missing") end)
   end)
end)
