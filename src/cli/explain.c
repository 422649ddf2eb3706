/* explain.c - `ringscope explain`: where the risk of one node comes from.
 *
 * The numbers of the node are those of the latest run; the spread is computed again with the run's
 * lists, settings and as-of time, because only the network tells the seeds and paths behind it.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/try.h"
#include "cli/cli.h"
#include "cli/explain.h"
#include "cli/stages.h"

/* Of the push that explains a risk: finer than the risks themselves are known. */
#define PUSH_TOLERANCE 1e-7

enum { FORMAT_TEXT, FORMAT_JSON };

typedef struct options {
    int format;
} options;

static const rsi_option table[] = {
    {.name = "format",
     .value = RSI_CHOICE,
     .argument = "text|json",
     .offset = offsetof(options, format),
     .help = "text for a person, or one JSON object; default text"},
    {0},
};

/* What stands before the first colon is the type; ids may have colons. */
static rs_status split_name(const char *word, rsi_why *why, rs_error *err)
{
    const char *colon = strchr(word, ':');
    if (colon == NULL || colon == word || colon[1] == '\0') {
        return rs_fail(err, RS_EUSAGE, "\"%.200s\" is not of the form TYPE:ID, such as account:u17",
                       word);
    }
    why->type = strndup(word, (size_t)(colon - word));
    why->id = rsi_text(colon + 1);
    return why->type == NULL ? rs_fail(err, RS_ENOMEM, "out of memory") : RS_OK;
}

/* ---- the run --------------------------------------------------------------------------------- */

/* The paths of a run's files, by rs_run_file. */
typedef struct paths {
    char *of[RS_RUN_SIDECAR + 1];
} paths;

static void free_paths(paths *all)
{
    for (size_t i = 0; i <= RS_RUN_SIDECAR; i++) {
        free(all->of[i]);
    }
}

static rs_status find_paths(paths *all, const char *store_path, const rs_run_id *run, rs_error *err)
{
    for (size_t i = 0; i <= RS_RUN_SIDECAR; i++) {
        all->of[i] = rs_run_path(store_path, run, (rs_run_file)i);
        if (all->of[i] == NULL) {
            return rs_fail(err, RS_ENOMEM, "out of memory");
        }
    }
    return RS_OK;
}

/* What the run wrote of the node: its line of risks, and itself as a member of its ring. */
static rs_status read_findings(rsi_why *why, const paths *all, rs_error *err)
{
    rs_status status = RS_OK;
    rs_report *report = NULL;
    const rs_cluster *cluster;
    RS_TRY(rs_risks_find(all->of[RS_RUN_RISKS], rsi_text(why->type), why->id, &why->line, err));
    if (why->line.ring[0] == '\0') {
        return RS_OK;
    }
    RS_TRY(rs_report_open(&report, all->of[RS_RUN_REPORT], err));
    RS_TRY(rs_report_find(report, rsi_text(why->line.ring), &cluster, err));
    why->ring_members = cluster->member_count;
    why->ring_score = cluster->score;
    for (size_t i = 0; i < cluster->member_count; i++) {
        rs_text id = cluster->members[i].node.id;
        if (id.length == why->id.length && memcmp(id.bytes, why->id.bytes, id.length) == 0) {
            why->membership = cluster->members[i].membership;
            why->role = cluster->members[i].role;
        }
    }
done:
    rs_report_close(report);
    return status;
}

/* ---- the network, as the run saw it ---------------------------------------------------------- */

static rs_status build_network(rsi_why *why, rsi_stages *stages, const char *store_path,
                               const paths *all, const rs_run_info *info, rsi_settings *settings,
                               const rs_work *work, rs_error *err)
{
    rs_status status = RS_OK;
    RS_TRY(rsi_settings_read(settings, all->of[RS_RUN_SETTINGS], err));
    settings->graph.as_of = info->as_of;
    RS_TRY(rsi_stages_evidence(stages, store_path, all->of[RS_RUN_BLACKLIST],
                               all->of[RS_RUN_WHITELIST], settings, work, err));
    why->graph = stages->graph;
    why->evidence = &stages->evidence;
    why->blacklist = &stages->blacklist;
    why->whitelist = &stages->whitelist;
    why->store_changed = strcmp(rs_store_digest(stages->store), info->store_digest) != 0;
    RS_TRY(rs_graph_find(stages->graph, why->type, why->id, &why->node, err));
    if (why->node == RS_NO_NODE) {
        status = rs_fail(err, RS_ENOTFOUND, "the store has no %s \"%.*s\"", why->type,
                         (int)why->id.length, why->id.bytes);
        goto done;
    }
    RS_TRY(rsi_stages_spread(stages, settings, work, err));
done:
    return status;
}

/* The nodes of a path, and what each pair of them shares. */
static void want_path(const rsi_why *why, const rs_path *path, uint8_t *wanted)
{
    for (uint32_t i = 0; i < path->length; i++) {
        wanted[path->nodes[i]] = 1;
        const rs_link *link = i > 0 ? rsi_why_link(why, path->nodes[i - 1], path->nodes[i]) : NULL;
        if (link != NULL && link->thing != RS_NO_NODE) {
            wanted[link->thing] = 1;
        }
    }
}

static rs_status explain_spread(rsi_why *why, const rsi_stages *stages,
                                const rsi_settings *settings, rs_error *err)
{
    rs_status status = RS_OK;
    uint8_t *wanted = calloc((size_t)rs_graph_node_count(why->graph) + 1, 1);
    if (wanted == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory");
    }
    RS_TRY(rs_spread_explain(&stages->network.adjacency, stages->seed, stages->spread,
                             &settings->spread, why->node, PUSH_TOLERANCE, &why->spread, err));
    for (size_t i = 0; i < why->spread.listed_count; i++) {
        wanted[why->spread.seeds[i].seed] = 1;
    }
    for (size_t i = 0; i < why->spread.path_count; i++) {
        want_path(why, &why->spread.paths[i], wanted);
    }
    for (size_t i = 0; i < why->user_count; i++) {
        wanted[why->users[i].node] = 1;
    }
    RS_TRY(rs_graph_ids(why->graph, wanted, &why->ids, err));
done:
    free(wanted);
    return status;
}

static rs_status explain(rsi_why *why, rsi_stages *stages, const rsi_call *call, rs_error *err)
{
    rs_status status = RS_OK;
    rs_run_info info;
    rsi_settings settings;
    paths all = {{NULL}};
    const char *store_path = call->words[0];
    RS_TRY(rs_run_latest(store_path, &why->run, err));
    RS_TRY(find_paths(&all, store_path, &why->run, err));
    RS_TRY(rs_run_read(store_path, &why->run, &info, err));
    for (int file = 0; file < RS_RUN_SIDECAR; file++) {
        RS_TRY(rs_run_check(store_path, &why->run, (rs_run_file)file, err));
    }
    RS_TRY(build_network(why, stages, store_path, &all, &info, &settings, call->work, err));
    RS_TRY(read_findings(why, &all, err));
    RS_TRY(rsi_why_count(why, stages->spread, err));
    RS_TRY(explain_spread(why, stages, &settings, err));
    if (why->line.oddity > 0) {
        RS_TRY(rs_oddity_explain(why->graph, call->work, why->node, why->odd, RSI_WHY_ODD_MAX,
                                 &why->odd_count, err));
    }
done:
    free_paths(&all);
    return status;
}

static rs_status run(rsi_call *call, rs_error *err)
{
    const options *chosen = call->options;
    rs_status status = RS_OK;
    rsi_why why = {.node = RS_NO_NODE};
    rsi_stages stages = {0};
    rs_store *store = NULL;
    RS_TRY(split_name(call->words[1], &why, err));
    RS_TRY(
        rsi_open_store(&store, call->words[0], err)); /* no store is another failure than no run */
    RS_TRY(explain(&why, &stages, call, err));
    if (chosen->format == FORMAT_JSON) {
        RS_TRY(rsi_why_print_json(call->out, &why, err));
    } else {
        RS_TRY(rsi_why_print(call->out, &why, err));
    }
done:
    rsi_why_free(&why);
    rsi_stages_free(&stages);
    rs_store_close(store);
    return status;
}

const rsi_command rsi_command_explain = {
    .name = "explain",
    .summary = "print where the risk of one node comes from",
    .words = "STORE TYPE:ID [options]",
    .about =
        "The risk that the latest run gave to a node such as account:u17, and its three parts:\n"
        "what spreads to it from the lists, with seeds and paths; how unusual its own counts\n"
        "are; and the ring that it belongs to.",
    .word_min = 2,
    .word_max = 2,
    .options = table,
    .options_size = sizeof(options),
    .run = run,
};
