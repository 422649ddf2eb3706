/* commit_edges.c - one relation of a batch that is in memory: parted by source, sorted in cache,
 * packed, written.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/try.h"
#include "store/edgetable.h"

static rs_status lend_part(void *context, size_t part, unsigned worker, const uint32_t **records,
                           rs_error *err)
{
    const rsi_edge_table *table = context;
    (void)worker;
    (void)err;
    *records = table->records + table->parts.parts[part].start * table->layout.words;
    return RS_OK;
}

rs_status rsi_commit_relation(rsi_output *output, rsi_batch_relation_state *relation, rs_error *err)
{
    rs_status status = RS_OK;
    rsi_edge_table table = {0};
    const rsi_batch_type_state *dst = output->batch->types[relation->dst_type];
    rsi_pack pack = {.output = output, .relation = relation, .context = &table, .load = lend_part};
    RS_TRY(rsi_edge_table_make(&table, output->batch, relation, false, err));
    pack.layout = table.layout;
    pack.parts = &table.parts;
    pack.dst_bits = rsi_bits_of(dst->known_count + dst->fresh_count);
    RS_TRY(rsi_edges_pack(&pack, err));
done:
    rsi_edge_table_free(&table);
    return rs_context(err, status, "relation \"%s\"", relation->name);
}
