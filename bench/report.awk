# Prints tables of google-benchmark's results: medians of the repetitions, and their goals.
#   awk -f report.awk GOALS RESULTS.json...
# Relies on the layout of google-benchmark's JSON: one member per line.

function text(value) {
    sub(/,$/, "", value)
    gsub(/^"|"$/, "", value)
    return value
}

function short_name(name) {
    sub(/\/iterations:[0-9]+/, "", name)
    sub(/\/repeats:[0-9]+/, "", name)
    sub(/\/(manual|real)_time/, "", name)
    return name
}

# 1234567 -> 1.23M
function si(x) {
    if (x == "") return ""
    x += 0
    if (x >= 1e9) return sprintf("%.3gG", x / 1e9)
    if (x >= 1e6) return sprintf("%.3gM", x / 1e6)
    if (x >= 1e4) return sprintf("%.3gk", x / 1e3)
    if (x >= 100) return sprintf("%.0f", x)
    return sprintf("%.3g", x)
}

function note_ratio(name, ratio) {
    if (!(name in min_ratio) || ratio < min_ratio[name])
        min_ratio[name] = ratio
    if (!(name in max_ratio) || ratio > max_ratio[name])
        max_ratio[name] = ratio
}

# At the end of a result: store medians, or the values of the only run if there are no repetitions.
function end_record(    name, i, what) {
    name = short_name(record["run_name"])
    if (!(name in seen)) {
        seen[name] = 1
        names[++count] = name
        place[name] = (files * 1000 + record["family_index"]) * 1000 + \
            record["per_family_instance_index"]
    }
    if (record["error_occurred"] == "true")
        errors[name] = record["error_message"]
    if (record["run_type"] == "iteration" && (label[name] == "" || record["label"] ~ /NOT/))
        label[name] = record["label"]
    what = record["run_type"] == "aggregate" ? record["aggregate_name"] : "run"
    for (i = 1; i <= fields; i++) {
        if (what == "median" || (what == "run" && !(name in has_median)))
            value[name, field[i]] = record[field[i]] + 0
        if (what == "cv" && field[i] == "real_time")
            spread[name] = record["real_time"]
        if (record["run_type"] == "iteration" && field[i] == "ratio")
            note_ratio(name, record["ratio"] + 0)
    }
    if (what == "median")
        has_median[name] = 1
}

function pad(s, width) {
    return sprintf("%-" width "s", s)
}

# Cells are separated by "|".
function add_row(line,    part, i, n) {
    rows++
    n = split(line, part, /\|/)
    for (i = 1; i <= n; i++) {
        cell[rows, i] = part[i]
        if (length(part[i]) > width[i])
            width[i] = length(part[i])
    }
}

# The median as text; "" if there is none.
function show(name, counter) {
    return (name, counter) in value ? si(value[name, counter]) : ""
}

# Prints the added rows as a Markdown table. Prints nothing if there is only a heading.
function print_table(columns,    row, i, line) {
    if (rows < 2) {
        rows = 0
        return
    }
    for (row = 1; row <= rows; row++) {
        line = "|"
        for (i = 1; i <= columns; i++)
            line = line " " pad(cell[row, i], width[i]) " |"
        print line
        if (row == 1) {
            line = "|"
            for (i = 1; i <= columns; i++) {
                gsub(/./, "-", cell[row, i])
                line = line pad("", width[i] + 2) "|"
            }
            gsub(/ /, "-", line)
            print line
        }
    }
    rows = 0
    split("", width)
    split("", cell)
    print ""
}

# Sorts by the order of registration, since runs may be interleaved.
function sort_names(    i, j, name) {
    for (i = 2; i <= count; i++) {
        name = names[i]
        for (j = i; j > 1 && place[names[j - 1]] > place[name]; j--)
            names[j] = names[j - 1]
        names[j] = name
    }
}

function print_medians(    i, name) {
    sort_names()
    add_row("benchmark|items/s|reads/s|reads/item|CPU ns/item|calls/item|reads/call|syscr/item|spread|notes")
    for (i = 1; i <= count; i++) {
        name = names[i]
        if (name in errors)
            add_row(name "|||||||||" errors[name])
        else
            add_row(name "|" show(name, "items_per_second") "|" show(name, "reads_per_second") "|" \
                show(name, "reads_per_item") "|" show(name, "cpu_ns_per_item") "|" \
                show(name, "calls_per_item") "|" show(name, "reads_per_call") "|" \
                show(name, "syscr_per_item") "|" \
                (spread[name] == "" ? "" : sprintf("%.0f %%", 100 * spread[name])) "|" label[name])
    }
    print_table(10)
}

# Alternating pairs: reads per second of the first subject divided by those of the other.
function print_ratios(    i, name) {
    add_row("alternating|ratio|min|max|CPU ratio")
    for (i = 1; i <= count; i++) {
        name = names[i]
        if (name in min_ratio)
            add_row(sprintf("%s|%.3f|%.3f|%.3f|%.3f", name, value[name, "ratio"],
                            min_ratio[name], max_ratio[name], value[name, "cpu_ratio"]))
    }
    print_table(5)
}

# Counters without a column, for the families that report them.
function print_counters(    i, j, name, line, n, counter, shown) {
    n = split("probes_per_item levels get_p50_ns get_p99_ns call_p50_ns call_p99_ns call_max_ns index_read_p50_ns " \
        "index_read_p99_ns record_read_p50_ns record_read_p99_ns fences index_memory " \
        "index_memory_limit reads_per_item_batch_001 reads_per_item_batch_002 " \
        "reads_per_item_batch_004 reads_per_item_batch_008 reads_per_item_batch_016 " \
        "reads_per_item_batch_032 reads_per_item_batch_064 reads_per_item_batch_128 " \
        "reads_per_item_batch_256 resident_items_per_second half_items_per_second " \
        "cold_items_per_second share_resident efficiency caller_faults_per_batch faults_per_batch " \
        "dropped_01 dropped_02 dropped_03 dropped_04 dropped_08 dropped_16 dropped_24 " \
        "warmed_01 warmed_02 warmed_03 warmed_04 warmed_08 warmed_16 warmed_24 " \
        "warmed_mapped_01 warmed_mapped_02 warmed_mapped_03 warmed_mapped_04 " \
        "steady_items_per_second ready first_p50_ns first_p999_ns first_max_ns entered", counter, " ")
    for (i = 1; i <= count; i++) {
        name = names[i]
        line = ""
        if (name !~ /^(probes|plain|callers|single|mixed|recovery|start|cold\/latency)/)
            continue
        for (j = 1; j <= n; j++)
            if ((name, counter[j]) in value)
                line = line " " counter[j] "=" show(name, counter[j])
        if (line != "")
            print name ":" line
        shown = 1
    }
    if (shown)
        print ""
}

# The value of a goal's terms; "" if a term was not measured.
function evaluate(terms,    n, word, i, result, x, key) {
    n = split(terms, word, " ")
    for (i = 1; i < n; i += 3) {
        if (word[i] in errors || !((word[i], word[i + 1]) in value))
            return ""
        x = value[word[i], word[i + 1]]
        if (i == 1)
            result = x
        else if (word[i - 1] == "*")
            result *= x
        else
            result = x > 0 ? result / x : 0
    }
    return result
}

function verdict(x, goal,    part) {
    if (split(goal, part, " ") < 2)
        return ""
    if (part[1] == ">=")
        return x >= part[2] ? "met" : "MISSED"
    return x <= part[2] ? "met" : "MISSED"
}

function print_goals(    i, x) {
    add_row("figure|value|goal|result")
    for (i = 1; i <= goals; i++) {
        x = evaluate(terms[i])
        if (x != "")
            add_row(title[i] "|" (x < 100 ? sprintf("%.3f", x) : si(x)) "|" goal[i] "|" \
                verdict(x, goal[i]))
    }
    print_table(4)
}

FILENAME == ARGV[1] {
    if ($0 !~ /^#/ && split($0, part, "|") >= 3) {
        goals++
        title[goals] = part[1]; sub(/ +$/, "", title[goals])
        goal[goals] = part[2]; gsub(/^ +| +$/, "", goal[goals])
        terms[goals] = part[3]
    }
    next
}

FNR == 1 { in_benchmarks = 0 }
/^  "benchmarks": \[/ { in_benchmarks = 1; files++; next }
!in_benchmarks && files == 0 && /^    "[a-z_]+": / {
    key = text(substr($1, 1, length($1) - 1))
    sub(/^[^:]*: /, "")
    if (key !~ /^(caches|type|level|size|num_sharing|executable|host_name|mhz_per_cpu|num_cpus)$/)
        printf "%s: %s\n", key, text($0)
    next
}
in_benchmarks && /^    \{/ { fields = 0; split("", record); next }
in_benchmarks && /^      "/ {
    key = text(substr($1, 1, length($1) - 1))
    sub(/^ *"[^"]*": /, "")
    record[key] = text($0)
    field[++fields] = key
    next
}
in_benchmarks && /^    \}/ { end_record() }

END {
    print ""
    print_medians()
    print_ratios()
    print_counters()
    print_goals()
}
