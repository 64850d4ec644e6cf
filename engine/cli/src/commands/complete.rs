//! `completion`, and what the shells ask.

use pontoon_cli::args::{Candidate, CompleteArgs, CompletionArgs, Named, Next, next_word, starting_with};
use pontoon_cli::exit::ExitStatus;
use pontoon_cli::output;
use pontoon_lifecycle::record::ContainerRecord;
use pontoon_units::vocabulary::{self, SECTIONS};

use super::{Context, Failure, quadlet};

const BASH: &str = r#"_pontoon() {
    local IFS=$'\n' line
    COMPREPLY=()
    while read -r line; do COMPREPLY+=("${line%%$'\t'*}"); done \
        < <(pontoon __complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o default -F _pontoon pontoon
"#;

const ZSH: &str = r#"#compdef pontoon
_pontoon() {
    local -a lines
    lines=("${(@f)$(pontoon __complete -- "${(@)words[2,CURRENT]}" 2>/dev/null | sed 's/:/\\:/g; s/\t/:/')}")
    if [[ -n "$lines" ]]; then _describe pontoon lines; else _files; fi
}
_pontoon "$@"
"#;

const FISH: &str = "complete -c pontoon -a '(pontoon __complete -- (commandline -opc)[2..] (commandline -ct) 2>/dev/null)'\n";

/// `pontoon completion`
pub fn completion(args: &CompletionArgs) -> Result<ExitStatus, Failure> {
    output::out(match args.shell.as_str() {
        "bash" => BASH,
        "zsh" => ZSH,
        _ => FISH,
    })?;
    Ok(ExitStatus::Success)
}

/// `pontoon __complete`: one candidate a line, with its meaning behind a tab.
pub fn complete(context: &Context, args: &CompleteArgs) -> Result<ExitStatus, Failure> {
    let found = match next_word(&args.words) {
        Next::Words(words) => words,
        Next::Name(named) => {
            let last = args.words.last().map_or("", String::as_str);
            starting_with(last, names(context, named).unwrap_or_default())
        }
    };
    let lines = found.iter().map(|(word, about)| match about.is_empty() {
        true => format!("{word}\n"),
        false => format!("{word}\t{about}\n"),
    });
    output::out(&lines.collect::<String>())?;
    Ok(ExitStatus::Success)
}

fn names(context: &Context, named: Named) -> Result<Vec<Candidate>, Failure> {
    let bare = |name: String| (name, String::new());
    Ok(match named {
        Named::Artifact => context.store()?.list_artifacts()?.into_iter().map(|it| bare(it.name)).collect(),
        Named::Container => {
            let listed = context.store()?.list_containers()?.containers;
            let records = listed.into_iter().filter_map(|it| it.record::<ContainerRecord>().ok());
            records.map(|record| (record.name, record.image_name)).collect()
        }
        Named::Image => {
            let listed = context.store()?.list_images()?;
            listed.into_iter().flat_map(|image| image.names).map(bare).collect()
        }
        Named::Network => {
            let listed = pontoon_lifecycle::network::list(&context.host, &context.store()?)?.networks;
            listed.into_iter().map(|it| (it.name, it.driver.to_string())).collect()
        }
        Named::Pod => context.store()?.list_pods()?.pods.into_iter().map(|it| bare(it.name)).collect(),
        Named::Volume => {
            let listed = pontoon_lifecycle::volume::list(&context.store()?)?.volumes;
            listed.into_iter().map(|volume| bare(volume.name)).collect()
        }
        Named::Unit => {
            let listed = context.store()?.list_containers()?.containers;
            let records = listed.into_iter().filter_map(|it| it.record::<ContainerRecord>().ok());
            records.filter_map(|it| Some((it.request.systemd_unit?, it.image_name))).collect()
        }
        Named::UnitFile => quadlet::unit_files().into_iter().map(bare).collect(),
        Named::Key => {
            let keys = SECTIONS.into_iter().flat_map(|section| {
                let rows = vocabulary::keys_of(section).unwrap_or(&[]);
                rows.iter().map(move |key| (format!("{section}.{}", key.name), key.meaning.to_owned()))
            });
            let bare_keys = SECTIONS.into_iter().filter_map(vocabulary::keys_of).flatten();
            let mut all: Vec<Candidate> =
                keys.chain(bare_keys.map(|key| (key.name.to_owned(), key.meaning.to_owned()))).collect();
            all.sort();
            all.dedup_by(|one, other| one.0 == other.0);
            all
        }
        Named::File => Vec::new(),
    })
}
