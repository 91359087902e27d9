/* Fuzzes the XML reader.
 * sources: bindings/core/xmlevents.c bindings/core/emit.c bindings/core/jstring.c
 * sources: bindings/core/number.c -lexpat -lm
 *
 * Beyond "no crash": an accepted document is one element, its events are balanced and within the
 * depth, attributes follow their element at once, and every text is UTF-8. */
#include "../../bindings/core/jstring.h"
#include "../../bindings/core/xmlevents.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok) {
    if (!ok) {
        abort();
    }
}

static void check_text(const char *at, size_t length) {
    const char *end = at + length;
    while (at < end) {
        size_t bytes = aci_utf8_length(at, end);
        require(bytes > 0);
        at += bytes;
    }
}

static void check_events(const aci_emit *events) {
    size_t position = 0, depth = 0, roots = 0;
    aci_xml_kind kind, before = ACI_XML_CLOSE;
    aci_xml_event event;
    while ((kind = aci_xml_next(events, &position, &event)) != ACI_XML_END) {
        require(position <= events->length);
        require(kind != ACI_XML_ATTRIBUTE || before == ACI_XML_ELEMENT ||
                before == ACI_XML_ATTRIBUTE);
        require(depth > 0 || kind == ACI_XML_ELEMENT);
        roots += depth == 0;
        depth += kind == ACI_XML_ELEMENT;
        depth -= kind == ACI_XML_CLOSE;
        require(depth <= ACI_XML_DEPTH);
        if (kind != ACI_XML_CLOSE) {
            check_text(event.first, event.first_length);
        }
        if (kind == ACI_XML_ATTRIBUTE) {
            check_text(event.second, event.second_length);
        }
        before = kind;
    }
    require(depth == 0 && roots == 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    aci_emit events = {0};
    aci_xml_fault fault;
    if (aci_xml_read((const char *)data, size, &events, &fault)) {
        check_events(&events);
    } else {
        require(fault.message && fault.line >= 1 && fault.column >= 1);
    }
    aci_emit_free(&events);
    return 0;
}
