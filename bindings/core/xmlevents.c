/* XML as a list of events: see xmlevents.h. */
#include "xmlevents.h"

#include <expat.h>
#include <string.h>

#define CHUNK ((size_t)1 << 20) /* XML_Parse takes an int */

typedef struct reader {
    XML_Parser parser;
    aci_emit *events;
    unsigned depth;
    const char *refused; /* why we stopped it ourselves */
} reader;

/* --- recording ---------------------------------------------------------------------------- */

static void stop(reader *self, const char *why) {
    if (!self->refused) {
        self->refused = why;
        XML_StopParser(self->parser, XML_FALSE);
    }
}

static void record(reader *self, aci_xml_kind kind) {
    aci_emit_byte(self->events, (char)kind);
}

static void record_text(reader *self, const char *text, size_t length) {
    aci_emit_bytes(self->events, (const char *)&length, sizeof length);
    aci_emit_bytes(self->events, text, length);
    if (self->events->fault) {
        stop(self, self->events->fault);
    }
}

static void XMLCALL on_start(void *data, const XML_Char *name, const XML_Char **attributes) {
    reader *self = data;
    if (++self->depth > ACI_XML_DEPTH) {
        stop(self, "nested too deeply (at most 200 levels)");
        return;
    }
    record(self, ACI_XML_ELEMENT);
    record_text(self, name, strlen(name));
    for (; *attributes; attributes += 2) {
        record(self, ACI_XML_ATTRIBUTE);
        record_text(self, attributes[0], strlen(attributes[0]));
        record_text(self, attributes[1], strlen(attributes[1]));
    }
}

static void XMLCALL on_end(void *data, const XML_Char *name) {
    reader *self = data;
    (void)name;
    self->depth--;
    record(self, ACI_XML_CLOSE);
}

static void XMLCALL on_text(void *data, const XML_Char *text, int length) {
    reader *self = data;
    record(self, ACI_XML_TEXT);
    record_text(self, text, (size_t)length);
}

static void XMLCALL on_doctype(void *data, const XML_Char *name, const XML_Char *system,
                               const XML_Char *public, int internal) {
    (void)name, (void)system, (void)public, (void)internal;
    stop(data, "document types are refused");
}

static XML_Parser make_parser(reader *self) {
    self->parser = XML_ParserCreate(NULL);
    if (self->parser) {
        XML_SetUserData(self->parser, self);
        XML_SetElementHandler(self->parser, on_start, on_end);
        XML_SetCharacterDataHandler(self->parser, on_text);
        XML_SetStartDoctypeDeclHandler(self->parser, on_doctype);
    }
    return self->parser;
}

static bool parse(reader *self, const char *text, size_t length) {
    while (length > CHUNK) {
        if (XML_Parse(self->parser, text, (int)CHUNK, 0) != XML_STATUS_OK) {
            return false;
        }
        text += CHUNK;
        length -= CHUNK;
    }
    return XML_Parse(self->parser, text, (int)length, 1) == XML_STATUS_OK;
}

static void explain(const reader *self, aci_xml_fault *fault) {
    const char *ours = self->refused ? self->refused : self->events->fault;
    fault->message = ours ? ours : XML_ErrorString(XML_GetErrorCode(self->parser));
    fault->line = XML_GetCurrentLineNumber(self->parser);
    fault->column = XML_GetCurrentColumnNumber(self->parser) + 1;
}

bool aci_xml_read(const char *text, size_t length, aci_emit *events, aci_xml_fault *fault) {
    reader self = {.events = events};
    *fault = (aci_xml_fault){"not enough memory", 1, 1};
    if (length > ACI_XML_SIZE) {
        fault->message = "larger than 64 MiB";
        return false;
    }
    if (!make_parser(&self)) {
        return false;
    }
    bool whole = parse(&self, text, length) && !events->fault;
    if (!whole) {
        explain(&self, fault);
    }
    XML_ParserFree(self.parser);
    return whole;
}

/* --- replaying ---------------------------------------------------------------------------- */

static const char *take_text(const aci_emit *events, size_t *position, size_t *length) {
    memcpy(length, events->text + *position, sizeof *length);
    const char *text = events->text + *position + sizeof *length;
    *position += sizeof *length + *length;
    return text;
}

aci_xml_kind aci_xml_next(const aci_emit *events, size_t *position, aci_xml_event *event) {
    if (*position >= events->length) {
        return ACI_XML_END;
    }
    aci_xml_kind kind = (aci_xml_kind)events->text[(*position)++];
    if (kind != ACI_XML_CLOSE) {
        event->first = take_text(events, position, &event->first_length);
    }
    if (kind == ACI_XML_ATTRIBUTE) {
        event->second = take_text(events, position, &event->second_length);
    }
    return kind;
}
