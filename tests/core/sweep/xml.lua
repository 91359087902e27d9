local xml = require "aci.xml"
local r = assert(xml.parse '<a x="1"><b>t&amp;u</b> <c><d/></c></a>')
assert(r.children[1].text == "t&u")
return xml.parse "<a", xml.parse "<!DOCTYPE a><a/>", xml.escape "<&>"
