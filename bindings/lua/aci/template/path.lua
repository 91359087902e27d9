-- The pieces of resource ids, types and names.
local path = {}

--- The parts between slashes.
function path.segments(s)
   local list = {}
   for part in s:gmatch "[^/]+" do
      list[#list + 1] = part
   end
   return list
end

--- { "Ns", "a", "b" } and { "x", "y" } -> "Ns/a/x/b/y".
function path.weave(type_segments, names)
   local out = { type_segments[1] }
   for i = 2, #type_segments do
      out[#out + 1] = type_segments[i]
      out[#out + 1] = names[i - 1]
   end
   return table.concat(out, "/")
end

--- The id of a resource under a scope ("" or an id without its last slash).
function path.join(scope, resource_type, name)
   return scope .. "/providers/" .. path.weave(path.segments(resource_type), path.segments(name))
end

--- Split an id: scope, type, name of its last provider part; nil when it has none.
function path.split(id)
   local scope, tail = id:match "^(.*)/[Pp][Rr][Oo][Vv][Ii][Dd][Ee][Rr][Ss]/(.+)$"
   local parts = tail and path.segments(tail)
   if not parts or #parts < 3 or #parts % 2 == 0 then
      return nil
   end
   local types, names = { parts[1] }, {}
   for i = 2, #parts, 2 do
      types[#types + 1] = parts[i]
      names[#names + 1] = parts[i + 1]
   end
   return scope, table.concat(types, "/"), table.concat(names, "/")
end

return path
