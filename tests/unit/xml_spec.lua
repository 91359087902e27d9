local xml = require "aci.xml"
local errors = require "aci.error"
local secret = require "aci.secret"

local function place_of(text)
   local value, err = xml.parse(text)
   assert.is_nil(value)
   assert.is_true(errors.is(err, "invalid"))
   assert.truthy(err.message:find(("line %d, column %d: "):format(err.line, err.column), 1, true))
   return err.line .. ":" .. err.column .. " " .. err.message:match "column %d+: (.*)"
end

describe("xml.parse", function()
   it("makes tables of elements", function()
      local root = xml.parse [[
<?xml version="1.0" encoding="utf-8"?>
<EnumerationResults ServiceEndpoint="https://a.blob/" ContainerName='c'>
  <Blobs>
    <Blob><Name>a &amp; b.txt</Name><Properties/></Blob>
    <Blob><Name>&#233;&#x65E5;</Name></Blob>
  </Blobs>
  <NextMarker />
</EnumerationResults>]]
      assert.equal("EnumerationResults", root.name)
      assert.same({ ServiceEndpoint = "https://a.blob/", ContainerName = "c" }, root.attributes)
      assert.equal("", root.text)
      assert.equal(2, #root.children)
      local blobs = root.children[1].children
      assert.equal("a & b.txt", blobs[1].children[1].text)
      assert.same({ name = "Properties", attributes = {}, children = {}, text = "" }, blobs[1].children[2])
      assert.equal("é日", blobs[2].children[1].text)
      assert.equal("NextMarker", root.children[2].name)
   end)

   it("joins an element's own text, CDATA and line breaks too", function()
      local root = xml.parse "<a> x<b>inner</b>y<![CDATA[<&>]]>\r\nz<!-- no --><?no no?></a>"
      assert.equal(" xy<&>\nz", root.text)
      assert.equal("inner", root.children[1].text)
      assert.equal("  ", xml.parse("<a>  </a>").text)
      assert.equal(("x\n"):rep(5000), xml.parse("<a>" .. ("x\n"):rep(5000) .. "</a>").text)
      assert.equal("p:a", xml.parse('<p:a xmlns:p="u"/>').name)
   end)

   it("reads byte order marks and other encodings", function()
      assert.equal("é", xml.parse("\xef\xbb\xbf<a>é</a>").text)
      assert.equal("é", xml.parse("<?xml version='1.0' encoding='iso-8859-1'?><a>\xe9</a>").text)
      assert.equal("é", xml.parse("\xff\xfe<\0a\0>\0\xe9\0<\0/\0a\0>\0").text)
      assert.equal("x", xml.parse(secret.new "<a>x</a>").text)
   end)

   it("refuses what is not well-formed, with its place", function()
      assert.equal("1:1 no element found", place_of "")
      assert.equal("2:6 mismatched tag", place_of "<a>\n<b></a>")
      assert.equal("1:4 no element found", place_of "<a>")
      assert.equal("1:5 junk after document element", place_of "<a/><b/>")
      assert.equal("1:4 undefined entity", place_of "<a>&nbsp;</a>")
      assert.equal("1:10 duplicate attribute", place_of "<a x='1' x='2'/>")
      assert.equal("1:4 not well-formed (invalid token)", place_of "<a>\1</a>")
      assert.equal("1:4 not well-formed (invalid token)", place_of "<a>\xff</a>")
      assert.equal("1:31 unknown encoding", place_of "<?xml version='1.0' encoding='x-no'?><a/>")
      assert.equal("1:1 syntax error", place_of "plain")
   end)

   it("refuses document types, so that no entity can grow or reach out", function()
      local laughs = '<!DOCTYPE a [<!ENTITY b "xxxxxxxxxx"><!ENTITY c "&b;&b;&b;&b;">]><a>&c;</a>'
      local outside = '<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/hostname">]><a>&e;</a>'
      for _, text in ipairs { laughs, outside, '<!DOCTYPE a SYSTEM "file:///etc/hostname"><a/>' } do
         assert.truthy(place_of(text):find("document types are refused", 1, true))
      end
   end)

   it("bounds depth and size", function()
      assert.is_table(xml.parse(("<a>"):rep(200) .. ("</a>"):rep(200)))
      assert.truthy(place_of(("<a>"):rep(201) .. ("</a>"):rep(201)):find("nested too deeply", 1, true))
      assert.truthy(place_of(("<a>"):rep(1000000)):find("nested too deeply", 1, true))
      assert.equal("1:1 larger than 64 MiB", place_of((" "):rep((64 << 20) + 1)))
   end)

   it("reads long documents", function()
      local root = xml.parse("<l>" .. ("<b k='v'>text</b>\n"):rep(100000) .. "</l>")
      assert.equal(100000, #root.children)
      assert.equal("v", root.children[100000].attributes.k)
      assert.equal("", root.text)
   end)

   it("raises for what is no text", function()
      assert.has_error(function() xml.parse() end)
      assert.has_error(function() xml.parse {} end)
   end)
end)

describe("xml.escape", function()
   it("escapes for text and attributes", function()
      assert.equal("&lt;a b=&quot;c&quot;&gt;&amp;&apos;&#13;\n\té😀", xml.escape '<a b="c">&\'\r\n\té😀')
      assert.equal("", xml.escape "")
   end)

   it("comes back", function()
      local text = 'a<b>&"\'\r\n\té😀]]>'
      assert.equal(text, xml.parse("<a>" .. xml.escape(text) .. "</a>").text)
      assert.equal("<&'\">", xml.parse("<a x='" .. xml.escape "<&'\">" .. "'/>").attributes.x)
   end)

   it("raises for what XML cannot hold", function()
      for _, text in ipairs { "\0", "\1", "\xff", "\xed\xa0\x80", "\xef\xbf\xbe", "\xef\xbf\xbf" } do
         assert.has_error(function() xml.escape(text) end, nil, ("%q"):format(text))
      end
      assert.has_error(function() xml.escape {} end)
   end)
end)
