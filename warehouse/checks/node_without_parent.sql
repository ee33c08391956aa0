-- Every node but the root has a parent in its tree, before it in pre-order
SELECT child.annotation_id, child.node_id, child.parent_id
FROM nodes AS child
LEFT JOIN nodes AS parent
    ON parent.annotation_id = child.annotation_id AND parent.node_id = child.parent_id
WHERE (child.parent_id IS NULL) <> (child.node_id = 0)
    OR (child.parent_id IS NOT NULL AND (parent.node_id IS NULL OR parent.node_id >= child.node_id))
