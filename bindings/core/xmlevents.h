/* XML 1.0 (on expat) as a list of events in one buffer, so that whoever reads them may be stopped
 * half-way without losing memory. Document types, and with them entities of one's own, are
 * refused; depth and size are bounded. Everything comes out as UTF-8. */
#ifndef ACI_CORE_XMLEVENTS_H
#define ACI_CORE_XMLEVENTS_H

#include <stdbool.h>
#include <stddef.h>

#include "emit.h"

#define ACI_XML_DEPTH 200
#define ACI_XML_SIZE ((size_t)64 << 20)

typedef struct aci_xml_fault {
    const char *message; /* static */
    size_t line, column; /* from 1; columns in bytes */
} aci_xml_fault;

typedef enum aci_xml_kind {
    ACI_XML_END,       /* no more events */
    ACI_XML_ELEMENT,   /* first: the name. Its attributes follow at once */
    ACI_XML_ATTRIBUTE, /* first: the name; second: the value */
    ACI_XML_TEXT,      /* first: some character data; neighbours belong together */
    ACI_XML_CLOSE,     /* the innermost element ends */
} aci_xml_kind;

typedef struct aci_xml_event {
    const char *first, *second;
    size_t first_length, second_length;
} aci_xml_event;

/* Read a whole document into events (a zeroed aci_emit, the caller's to free). False with the
 * fault filled where it is no well-formed document. */
bool aci_xml_read(const char *text, size_t length, aci_emit *events, aci_xml_fault *fault);

/* The event at *position of the events, and step over it; start with 0. */
aci_xml_kind aci_xml_next(const aci_emit *events, size_t *position, aci_xml_event *event);

#endif
