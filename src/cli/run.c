/* run.c - `ringscope run`: the stages in order, and the files they end in.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/run.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/parallel.h"
#include "base/try.h"
#include "cli/learn.h"
#include "cli/rings.h"
#include "cli/stages.h"
#include "report/runs.h"
#include "report/trace.h"
#include "ringscope/erase.h"

enum { CONFLICTS_SHOWN = 10 };

typedef rsi_run_options options;

static const rsi_option table[] = {
    RSI_INPUT_OPTIONS(options),
    {"report", RSI_WORD, "FILE", offsetof(options, report),
     "write the report there too, \"-\": to standard output; the store keeps it in any case", 0, 0,
     false},
    {"risks", RSI_WORD, "FILE", offsetof(options, risks),
     "write everybody's risk there too, as CSV; \"-\": to standard output", 0, 0, false},
    {"model", RSI_WORD, "FILE", offsetof(options, model),
     "a model that learn made: the risks of whom it was learned of, and who is on no list, are its "
     "answers",
     0, 0, false},
    {"contributions", RSI_WORD, "FILE", offsetof(options, contributions),
     "with --model: write what each column adds to the log-odds of every such risk there, as CSV",
     0, 0, false},
    {"min-score", RSI_SETTING, "SCORE", offsetof(options, min_score), NULL, 0, 0, false},
    {"resolution", RSI_SETTING, "WEIGHT", offsetof(options, resolution), NULL, 0, 0, false},
    {"component-max", RSI_SETTING, "NODES", offsetof(options, component_max), NULL, 0, 0, false},
    {"seed", RSI_SETTING, "N", offsetof(options, seed), NULL, 0, 0, false},
    {"top", RSI_COUNT, "N", offsetof(options, top),
     "print the N rings of the highest scores at the end; default 10", 0, 1e6, false},
    {"keep-runs", RSI_COUNT, "N", offsetof(options, keep_runs),
     "then keep the latest N runs of the store, this one among them, and take the others away, but "
     "the one that looks furthest, which tells the next night its rings; default all",
     1, 1e9, false},
    {"compact", RSI_FLAG, NULL, offsetof(options, compact),
     "first compact the store, where the batches beside its largest are more than 30 or hold more "
     "than a quarter of its edges; they can then no longer be dropped alone",
     0, 0, false},
    {"no-network", RSI_FLAG, NULL, offsetof(options, no_network),
     "do not keep the network that explain reads; it then takes as long as a run", 0, 0, false},
    {0},
};

static const options defaults = RSI_RUN_DEFAULTS;

/* The defaults, what the file says, what the command line says: the later wins. */
static rs_status read_settings(const options *o, rsi_setting_values *values, rs_error *err)
{
    rs_status status = RS_OK;
    *values = rsi_setting_presets();
    if (o->inputs.settings != NULL) {
        RS_TRY(rsi_settings_file(values, o->inputs.settings, err));
    }
    for (const rsi_option *option = table; option->name != NULL; option++) {
        const char *word = NULL;
        if (option->value == RSI_SETTING) {
            memcpy(&word, (const char *)o + option->offset, sizeof word);
        }
        if (word != NULL) {
            size_t row = rsi_setting_named(rsi_text(option->name));
            RS_TRY(
                rsi_setting_parse(&rsi_setting_rows[row], rsi_text(word), &values->of[row], err));
        }
    }
done:
    return status;
}

static uint64_t peak_memory(void)
{
    struct rusage own = {0};
    getrusage(RUSAGE_SELF, &own);
    return (uint64_t)own.ru_maxrss * 1024;
}

static bool is_stdout(const char *path)
{
    return path != NULL && strcmp(path, "-") == 0;
}

/* It would run into a file that goes to standard output. */
static bool has_summary(const rsi_call *call)
{
    const options *o = call->options;
    return !call->quiet && !is_stdout(o->report) && !is_stdout(o->risks);
}

/* Before the snapshot is opened that the run reads; its report is the same in any case. */
static rs_status compact_first(const rsi_call *call, rsi_stages *stages, rs_error *err)
{
    rs_status status = RS_OK;
    uint64_t start = rsi_clock_us();
    rs_compact_result result;
    char now[RSI_FORMAT_MAX];
    char then[RSI_FORMAT_MAX];
    const options *o = call->options;
    if (!o->compact) {
        return RS_OK;
    }
    RS_TRY(rsi_compact_when_due(call, &result, err));
    if (result.merged_count > 0) {
        rsi_stages_time(stages, "compact", start);
        if (has_summary(call)) {
            fprintf(call->out, "compacted: %zu batches, %s (were %s)\n", result.merged_count,
                    rsi_format_bytes(now, result.bytes_after),
                    rsi_format_bytes(then, result.bytes_before));
        }
    }
done:
    return status;
}

/* Where the user wants the report and the risks too; NULL: nowhere. */
typedef struct copies {
    const char *store;
    const rs_run_id *id;
    const char *to[2];
} copies;

static rs_status copy_result(void *context, size_t index, unsigned worker, rs_error *err)
{
    static const rs_run_file files[] = {RS_RUN_REPORT, RS_RUN_RISKS};
    const copies *c = context;
    (void)worker;
    return c->to[index] == NULL ? RS_OK
                                : rs_run_copy(c->store, c->id, files[index], c->to[index], err);
}

static rs_status keep(const rsi_call *call, rsi_stages *stages, const rs_report_options *report,
                      uint64_t erasures_mark, rs_run_id *id, rs_error *err)
{
    rs_status status = RS_OK;
    const options *o = call->options;
    uint64_t start = rsi_clock_us();
    rs_lineage *lineage = NULL;
    RS_TRY(rs_lineage_follow(&lineage, call->words[0], stages->graph, report, call->work,
                             &stages->findings, err));
    rsi_stages_time(stages, "lineage", start);
    start = rsi_clock_us();
    rs_run_record record = {.threads = call->work->threads,
                            .memory_bytes = call->work->memory_bytes,
                            .peak_memory_bytes = peak_memory(),
                            .timings = stages->timings,
                            .timing_count = stages->timing_count,
                            .erasures_mark = erasures_mark,
                            .lists = stages->lists,
                            .keep_runs = o->keep_runs,
                            .lineage = lineage};
    rsi_trace_end end = {.evidence = &stages->evidence,
                         .risk = stages->spread,
                         .findings = &stages->findings,
                         .min_score = report->min_score,
                         .blacklist = &stages->blacklist,
                         .whitelist = &stages->whitelist};
    RS_TRY(rsi_run_keep(call->words[0], stages->graph, &stages->findings, report, &record,
                        stages->trace, &end, call->work, id, err));
    copies c = {.store = call->words[0], .id = id, .to = {o->report, o->risks}};
    RS_TRY(rsi_parallel(call->work, 2, copy_result, &c, err));
    rsi_stages_time(stages, "report", start);
done:
    rs_lineage_free(lineage);
    return status;
}

static void print_list(FILE *out, const char *name, bool listed, const rs_list *list)
{
    char count[RSI_FORMAT_MAX];
    char missing[RSI_FORMAT_MAX];
    if (listed) {
        fprintf(out, "%s: %s in the store, %s not in it", name,
                rsi_format_count(count, list->count),
                rsi_format_count(missing, list->missing_count));
        if (list->repeated_count > 0) {
            fprintf(out, ", %s named again", rsi_format_count(count, list->repeated_count));
        }
        if (list->future_count > 0) {
            fprintf(out, ", %s later than the as-of time",
                    rsi_format_count(count, list->future_count));
        }
        fputc('\n', out);
    }
}

static void print_node(FILE *out, const rsi_stages *stages, const rs_ids *ids, uint32_t node)
{
    rsi_print_text(out, rsi_text(rs_graph_range_of(stages->graph, node).type));
    fputc(' ', out);
    rsi_print_text(out, rs_ids_of(ids, node));
}

/* Who is listed both ways, the first of them by name; the report names more. */
static rs_status print_conflicts(FILE *out, const rsi_stages *stages, rs_error *err)
{
    rs_status status = RS_OK;
    char number[RSI_FORMAT_MAX];
    rs_ids *ids = NULL;
    const rs_conflicts *all = &stages->conflicts;
    size_t shown = all->kept_count < CONFLICTS_SHOWN ? all->kept_count : CONFLICTS_SHOWN;
    if (all->count == 0) {
        return RS_OK;
    }
    uint8_t *wanted = calloc((size_t)rs_graph_node_count(stages->graph) + 1, 1);
    if (wanted == NULL) {
        return rs_fail(err, RS_ENOMEM, "out of memory (conflicts)");
    }
    for (size_t i = 0; i < shown; i++) {
        wanted[all->kept[i].blacklisted] = 1;
        wanted[all->kept[i].whitelisted] = 1;
    }
    RS_TRY(rs_graph_ids(stages->graph, wanted, &ids, err));
    fprintf(out, "listed both ways: %s\n", rsi_format_count(number, all->count));
    for (size_t i = 0; i < shown; i++) {
        const rs_conflict *one = &all->kept[i];
        fputs("  ", out);
        print_node(out, stages, ids, one->whitelisted);
        if (one->blacklisted == one->whitelisted) {
            fputs(": on both lists, taken as blacklisted\n", out);
        } else {
            fputs(": whitelisted, and the same person as blacklisted ", out);
            print_node(out, stages, ids, one->blacklisted);
            fputc('\n', out);
        }
    }
    if (shown < all->count) {
        fprintf(out, "  and %s more; the report names the first %d\n",
                rsi_format_count(number, all->count - shown), RSI_CONFLICTS_KEPT);
    }
done:
    rs_ids_free(ids);
    free(wanted);
    return status;
}

static rs_status print_summary(const rsi_call *call, const rsi_stages *stages, const rs_run_id *id,
                               rs_error *err)
{
    rs_status status = RS_OK;
    const options *o = call->options;
    const rs_findings *findings = &stages->findings;
    char number[RSI_FORMAT_MAX];
    char *path = NULL;
    size_t suspects = 0;
    while (suspects < findings->ring_count && findings->rings[suspects].score >= RS_SUSPECT) {
        suspects++;
    }
    print_list(call->out, "blacklist", stages->listed[RS_BLACKLIST], &stages->blacklist);
    print_list(call->out, "whitelist", stages->listed[RS_WHITELIST], &stages->whitelist);
    RS_TRY(print_conflicts(call->out, stages, err));
    fprintf(call->out, "rings: %s", rsi_format_count(number, findings->ring_count));
    fprintf(call->out, ", of them suspect: %s\n", rsi_format_count(number, suspects));
    if (findings->detect.split_count > 0) {
        fprintf(call->out, "components split before clustering: %u\n",
                findings->detect.split_count);
    }
    path = rs_run_path(call->words[0], id, RS_RUN_REPORT);
    if (path == NULL) {
        status = rs_fail(err, RS_ENOMEM, "out of memory (path of the report)");
        goto done;
    }
    fprintf(call->out, "report: %s\n", o->report != NULL ? o->report : path);
    if (o->top > 0 && findings->ring_count > 0) {
        fputc('\n', call->out);
        RS_TRY(rsi_print_top_rings(call->out, path, (size_t)o->top, err));
    }
done:
    free(path);
    return status;
}

/* No output may stand where an input or the store is. */
static rs_status check_outputs(const rsi_call *call, rs_error *err)
{
    rs_status status = RS_OK;
    const options *o = call->options;
    const char *inputs[] = {o->inputs.blacklist, o->inputs.whitelist,
                            o->inputs.settings,  o->model,
                            o->report,           o->risks};
    if (o->contributions != NULL && o->model == NULL) {
        return rs_fail(err, RS_EUSAGE, "--contributions are those of a model: give --model too");
    }
    if (is_stdout(o->report) && is_stdout(o->risks)) {
        return rs_fail(err, RS_EUSAGE, "--report and --risks cannot both be standard output");
    }
    if (!is_stdout(o->report)) {
        RS_TRY(rsi_check_file(o->report, "--report", err));
        RS_TRY(rsi_check_output(o->report, "--report", call->words[0], inputs, 4, err));
    }
    if (!is_stdout(o->risks)) {
        RS_TRY(rsi_check_file(o->risks, "--risks", err));
        RS_TRY(rsi_check_output(o->risks, "--risks", call->words[0], inputs, 5, err));
    }
    RS_TRY(rsi_check_file(o->contributions, "--contributions", err));
    RS_TRY(rsi_check_output(o->contributions, "--contributions", call->words[0], inputs, 6, err));
done:
    return status;
}

rs_report_options rsi_run_report(const rsi_stages *stages, const rsi_settings *settings,
                                 const char *json, const rsi_model *model)
{
    rs_report_options report = RS_REPORT_DEFAULTS;
    report.min_score = settings->score.min_score;
    report.users_max = settings->users_max;
    report.settings = json;
    report.model = model->columns != NULL ? model->digest : NULL;
    report.model_subject = model->subject;
    report.blacklist = stages->listed[RS_BLACKLIST] ? &stages->blacklist : NULL;
    report.whitelist = stages->listed[RS_WHITELIST] ? &stages->whitelist : NULL;
    report.conflicts = &stages->conflicts;
    return report;
}

rs_status rsi_run(const rsi_call *call, rs_run_id *id, rs_error *err)
{
    rs_status status = RS_OK;
    const options *o = call->options;
    rsi_setting_values values;
    rsi_stages stages = {0};
    char *json = NULL;
    char *folder = NULL;
    rs_work work = *call->work;
    uint64_t erasures_mark = 0;
    rsi_model model = {.columns = NULL};
    RS_TRY(check_outputs(call, err));
    RS_TRY(read_settings(o, &values, err));
    RS_TRY(rsi_settings_json(&values, &json, err));
    if (o->model != NULL) {
        RS_TRY(rsi_model_read(&model, o->model, err));
    }
    rsi_settings settings = rsi_settings_of(&values);
    settings.graph.as_of = o->inputs.as_of;
    RS_TRY(compact_first(call, &stages, err));
    RS_TRY(rs_erasures_mark(call->words[0], &erasures_mark, err));
    RS_TRY(rsi_run_folder(call->words[0], &folder, err));
    work.folder = folder;
    RS_TRY(rsi_stages_start(&stages, &settings, &work, err));
    RS_TRY(rsi_stages_evidence(&stages, call->words[0], &o->inputs, &settings, &work, err));
    rs_report_options report = rsi_run_report(&stages, &settings, json, &model);
    if (!o->no_network) {
        RS_TRY(
            rsi_trace_new(&stages.trace, call->words[0], stages.graph, &report, call->work, err));
    }
    RS_TRY(rsi_stages_middle(&stages, &settings, &work, err));
    rs_network_free(&stages.network);
    RS_TRY(rsi_stages_score(&stages, &settings, &work, err));
    if (o->model != NULL) {
        RS_TRY(rsi_stages_model(&stages, &model, o->contributions, &work, err));
    }
    rs_evidence_graph_free(&stages.collapsed);
    if (stages.trace == NULL) {
        rs_evidence_free(&stages.evidence);
    }
    RS_TRY(keep(call, &stages, &report, erasures_mark, id, err));
    if (has_summary(call)) {
        RS_TRY(print_summary(call, &stages, id, err));
    }
done:
    free(folder);
    free(json);
    rsi_model_free(&model);
    rsi_stages_free(&stages);
    return status;
}

static rs_status run(rsi_call *call, rs_error *err)
{
    rs_run_id id = {0};
    return rsi_run(call, &id, err);
}

const rsi_command rsi_command_run = {
    .name = "run",
    .summary = "find rings and risks, and write the report",
    .words = "STORE [options]",
    .about =
        "Looks for coincidences that chance does not explain, joins them into rings, spreads risk "
        "from the\nblacklist, scores rings and accounts, and keeps the report in STORE/runs/. The "
        "same store, lists and\nsettings give the same bytes, whatever the number of threads. An "
        "option that is a setting counts\nmore "
        "than what --settings says.",
    .word_min = 1,
    .word_max = 1,
    .options = table,
    .options_size = sizeof(options),
    .defaults = &defaults,
    .run = run,
};
