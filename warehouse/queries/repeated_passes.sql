-- How likely all of several searches of an instruction pass, and one of them
SELECT rules, judge, method, model, k, n_instructions, round(all_pass, 3) AS all_pass, round(any_passes, 3) AS any_passes
FROM repeated_passes
WHERE rules IN ('toolloom', 'toolbench', 'stable')
ORDER BY rules, judge, method, model, k
