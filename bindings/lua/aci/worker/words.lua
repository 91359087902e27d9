--- A command line as its words, quoted as in a shell ('...', "...", \): how job templates hold commands.

local fail = require "aci.error"

local words = {}

local QUOTED = {
   ["'"] = function(text, at)
      local stop = text:find("'", at, true)
      return stop and text:sub(at, stop - 1), stop
   end,
   ['"'] = function(text, at)
      local stop = at
      while true do
         stop = text:find('[\\"]', stop)
         if not stop then return nil end
         if text:sub(stop, stop) == '"' then break end
         stop = stop + 2
      end
      return (text:sub(at, stop - 1):gsub('\\([\\"$`])', "%1")), stop
   end,
}

--- The words of a command line.
function words.split(text)
   local list, word, at = {}, nil, 1
   while at <= #text do
      local char = text:sub(at, at)
      local quoted = QUOTED[char]
      if quoted then
         local inside, stop = quoted(text, at + 1)
         if not inside then
            fail.raise { kind = "failed", code = "command", message = "a quote is not closed in: " .. text }
         end
         word, at = (word or "") .. inside, stop
      elseif char == "\\" then
         word, at = (word or "") .. text:sub(at + 1, at + 1), at + 1
      elseif char:find "%s" then
         if word then list[#list + 1] = word end
         word = nil
      else
         word = (word or "") .. char
      end
      at = at + 1
   end
   if word then list[#list + 1] = word end
   return list
end

return words
