/* Service SAS: see sas.h. */
#include "sas.h"

#include <string.h>

const char *const aci_sas_names[ACI_SAS_FIELDS + 1] = {
    "sp",  "st",   "se",   "si",   "sip",  "spr",  "sv", "sr",
    "ses", "rscc", "rscd", "rsce", "rscl", "rsct", NULL,
};

/* After these stand the resource, and the time of a snapshot, which we never name. */
enum { EXPIRY = 2, RESOURCE_KIND = 7 };

static void emit_text(aci_emit *out, aci_text text) {
    if (text.at && memchr(text.at, '\n', text.length)) {
        out->fault = "a line break in what is to be signed";
        return;
    }
    aci_emit_bytes(out, text.at, text.at ? text.length : 0);
}

static void emit_name(aci_emit *out, aci_text name) {
    aci_emit_byte(out, '/');
    emit_text(out, name);
}

static void emit_resource(const aci_sas *sas, aci_emit *out) {
    aci_emit_bytes(out, "\n/blob", strlen("\n/blob"));
    emit_name(out, aci_without_secondary(sas->account));
    emit_name(out, sas->container);
    if (sas->blob.at) {
        emit_name(out, sas->blob);
    }
}

void aci_sas_text(const aci_sas *sas, aci_emit *out) {
    for (size_t i = 0; i < ACI_SAS_FIELDS; i++) {
        if (i) {
            aci_emit_byte(out, '\n');
        }
        emit_text(out, sas->fields[i]);
        if (i == EXPIRY) {
            emit_resource(sas, out);
        } else if (i == RESOURCE_KIND) {
            aci_emit_byte(out, '\n');
        }
    }
}
