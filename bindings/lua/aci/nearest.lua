--- aci.nearest: "did you mean": the known word that a mistyped one was probably meant to be.

-- Mistakes between two words: a letter too many, too few or wrong, or two in the wrong order.
local function distance(a, b)
   local rows = {}
   for i = 0, #a do
      rows[i] = { [0] = i }
      for j = 1, #b do
         local same = a:byte(i) == b:byte(j)
         rows[i][j] = i == 0 and j
            or math.min(rows[i - 1][j] + 1, rows[i][j - 1] + 1, rows[i - 1][j - 1] + (same and 0 or 1))
         if i > 1 and j > 1 and a:byte(i) == b:byte(j - 1) and a:byte(i - 1) == b:byte(j) then
            rows[i][j] = math.min(rows[i][j], rows[i - 2][j - 2] + 1)
         end
      end
   end
   return rows[#a][#b]
end

--- The word of the list that is nearest to `word`, or nil when none is near.
local function nearest(word, words)
   local best, least = nil, #word // 3 + 2
   for _, known in ipairs(words) do
      local away = math.abs(#known - #word) < least and distance(word, known) or least
      if away < least then
         best, least = known, away
      end
   end
   return best
end

return nearest
