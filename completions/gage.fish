# Completion of gage and its plumbing for fish: gage-complete(1) knows what may stand where.

function __gage_complete
    set -l current (string unescape -- (commandline -ct))
    or set current (string replace -r '^[\'"]' '' -- (commandline -ct))
    set -l words (commandline -opc) "$current"
    for line in (gage-complete $words 2>/dev/null)
        set -l parts (string split -m 1 \t -- $line)
        set -l path (string replace -r '^[^=]*=' '' -- $words[-1])
        set -l before (string sub -l (math (string length -- $words[-1]) - (string length -- $path)) -- $words[-1])
        switch $parts[1]/$parts[2]
            case /files
                string replace -r '^' -- "$before" (__fish_complete_path $path)
            case /directories
                string replace -r '^' -- "$before" (__fish_complete_directories $path '')
            case '*'
                echo $line
        end
    end
end

for command in gage (complete -C gage- | string replace -r '\t.*' '' | sort -u)
    complete -c $command -f -k -a '(__gage_complete)'
end
