/* cases.c - rings as cases.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/cases.h"

#include <stdlib.h>
#include <string.h>

#include "base/ringid.h"
#include "base/try.h"
#include "cli/cli.h"
#include "feedback/ledger.h"

_Static_assert(RSI_RING_ID_LENGTH + 1 == 16, "as the header has it");

void rsi_ring_case_free(rsi_kept_case *one)
{
    free(one->bytes);
    free(one->members);
    *one = (rsi_kept_case){.bytes = NULL};
}

int64_t rsi_ring_evidence(const rs_cluster *cluster)
{
    static const char known[] = "known_members";
    int64_t total = 0;
    for (size_t i = 0; i < cluster->reason_count; i++) {
        const rs_cluster_reason *reason = &cluster->reasons[i];
        bool counts = reason->kind.length != strlen(known) ||
                      memcmp(reason->kind.bytes, known, strlen(known)) != 0;
        total += counts ? (int64_t)reason->member_count + reason->thing_count : 0;
    }
    return total;
}

/* A copy of the text in `at`, which is moved on. */
static rs_text keep(char **at, rs_text text)
{
    rs_text kept = {*at, text.length};
    memcpy(*at, text.bytes, text.length);
    *at += text.length;
    return kept;
}

rs_status rsi_ring_case(rsi_kept_case *out, const rs_cluster *cluster, const rs_run_id *run,
                        int64_t as_of, rs_error *err)
{
    size_t bytes = cluster->id.length + sizeof run->text;
    for (size_t i = 0; i < cluster->member_count; i++) {
        bytes += cluster->members[i].node.type.length + cluster->members[i].node.id.length;
    }
    *out = (rsi_kept_case){.bytes = malloc(bytes)};
    out->members = calloc(cluster->member_count + 1, sizeof *out->members);
    if (out->bytes == NULL || out->members == NULL) {
        rsi_ring_case_free(out);
        return rs_fail(err, RS_ENOMEM, "out of memory (ring)");
    }
    char *at = out->bytes;
    out->about.run = keep(&at, (rs_text){run->text, sizeof run->text}).bytes;
    out->about.subject = keep(&at, cluster->id);
    for (size_t i = 0; i < cluster->member_count; i++) {
        out->members[i].type = keep(&at, cluster->members[i].node.type);
        out->members[i].id = keep(&at, cluster->members[i].node.id);
    }
    memcpy(out->hash, rsi_hash_of(cluster->json.bytes, cluster->json.length).hex, sizeof out->hash);
    out->about.evidence_hash = out->hash;
    out->about.evidence = rsi_ring_evidence(cluster);
    out->about.as_of = as_of == RS_NO_TIME ? RS_ALWAYS : as_of;
    out->about.members = out->members;
    out->about.member_count = cluster->member_count;
    return RS_OK;
}

const char *rsi_ring_typed(const char *typed, char id[16])
{
    return rsi_ring_id_read(rsi_text(typed), id) ? id : typed;
}
